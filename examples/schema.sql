-- The tables of schema.ts.
create table accounts (
  id serial primary key,
  email varchar(320) not null unique,
  home_region varchar(16) not null default 'fra',
  credit int not null default 0 check (credit >= 0)
);
create table posts (
  id serial primary key,
  title text not null,
  views int not null default 0,
  author_id int references accounts,
  created_at timestamptz(3) not null default now()
);
create table uploads (name text primary key, bytes int not null, content bytea not null);
create table jobs (id uuid primary key, task text not null, token text, done_at timestamptz(3), result text);
create table idempotency_keys (key varchar(128) primary key, status int, body text, created_at timestamptz(3) not null default now());
