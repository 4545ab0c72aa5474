insert into users (email, name, created_at)
select 'user' || i || '@example.com', 'User ' || i, timestamptz '2026-01-01T00:00:00Z' + i * interval '1 minute'
from generate_series(1, 500) i;
insert into posts (title, content, published, views, created_at, author_id)
select 'Post ' || i, repeat('Lorem ipsum dolor sit amet. ', 8), i % 3 <> 0, (i * 7919) % 1000, timestamptz '2026-02-01T00:00:00Z' + i * interval '1 minute', 1 + i % 500
from generate_series(1, 5000) i;
insert into comments (body, created_at, post_id, author_id)
select 'Comment ' || i, timestamptz '2026-03-01T00:00:00Z' + i * interval '1 second', 1 + i % 5000, 1 + (i * 31) % 500
from generate_series(1, 25000) i;
analyze;
