-- A small blog: 500 users, 5,000 posts, 25,000 comments, filled by `seed.sql`.
create table users (
  id serial primary key,
  email text not null unique,
  name text not null,
  created_at timestamptz(3) not null default current_timestamp
);
create table posts (
  id serial primary key,
  title text not null,
  content text not null,
  published boolean not null default false,
  views integer not null default 0,
  created_at timestamptz(3) not null default current_timestamp,
  author_id integer not null references users (id)
);
create index posts_author_id on posts (author_id);
create index posts_published_views on posts (published, views);
create table comments (
  id serial primary key,
  body text not null,
  created_at timestamptz(3) not null default current_timestamp,
  post_id integer not null references posts (id),
  author_id integer not null references users (id)
);
create index comments_post_id on comments (post_id);
