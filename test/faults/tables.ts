// The tables behind schema.ts.

export const SQL = `
  create table ledger (seq serial primary key, id text not null);
  create index on ledger (id);
  create table handled (key text primary key, answer text not null);
  create view who as select 1 as id, inet_server_port() as port;
`
