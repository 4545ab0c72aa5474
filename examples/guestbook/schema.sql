create table if not exists entries (
  id serial primary key,
  author varchar(80) not null,
  message varchar(500) not null,
  region varchar(32) not null,
  created_at timestamptz(3) not null default current_timestamp
);
create index if not exists entries_created_at on entries (created_at);
