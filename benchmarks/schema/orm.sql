-- The shape of the data set of prisma/orm-benchmarks: customers with one address and orders, orders with products.
create table "Customer" (id serial primary key, "createdAt" timestamp(3) not null default current_timestamp, name text, email text not null, "isActive" boolean not null default false);
create table "Address" (id serial primary key, street text, city text, "postalCode" text, country text, "customerId" integer not null unique references "Customer" (id) on delete cascade);
create table "Order" (id serial primary key, "customerId" integer not null references "Customer" (id) on delete cascade, date timestamp(3) not null, "totalAmount" numeric(12, 2) not null);
create index "Order_customerId" on "Order" ("customerId");
create table "Product" (id serial primary key, name text not null, price numeric(10, 2) not null, quantity integer not null, description text);
create table "_OrderToProduct" ("A" integer not null references "Order" (id) on delete cascade, "B" integer not null references "Product" (id) on delete cascade, primary key ("A", "B"));
create index "_OrderToProduct_B" on "_OrderToProduct" ("B");
insert into "Customer" (name, email, "isActive", "createdAt") select 'Customer ' || i, 'customer' || i || '@example.com', i % 3 = 0, timestamp '2026-01-01' + i * interval '1 minute' from generate_series(1, 500) i;
insert into "Address" (street, city, "postalCode", country, "customerId") select 'Street ' || i, 'City ' || i % 50, (10000 + i)::text, 'Country ' || i % 10, i from generate_series(1, 500) i;
insert into "Order" ("customerId", date, "totalAmount") select 1 + i % 500, timestamp '2026-02-01' + i * interval '1 minute', (i % 1000) + 0.5 from generate_series(1, 2500) i;
insert into "Product" (name, price, quantity, description) select 'Product ' || i, i + 0.25, i * 3, 'Description of product ' || i from generate_series(1, 200) i;
insert into "_OrderToProduct" select o.id, 1 + (o.id * 7 + k * 31) % 200 from "Order" o, generate_series(1, 3) k on conflict do nothing;
analyze;
