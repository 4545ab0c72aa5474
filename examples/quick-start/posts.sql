create table posts (
  id serial primary key,
  title text not null,
  created_at timestamptz(3) not null default now()
);
