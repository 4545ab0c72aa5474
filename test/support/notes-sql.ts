/** The tables of `notes-schema.ts`. */
export const notesSql = `
  create table author (id serial primary key, name text not null unique);
  create table note (id serial primary key, text text not null unique, likes int not null default 0, author_id int references author);
`
