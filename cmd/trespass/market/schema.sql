-- The marketplace in a real Postgres. Row security is on where it should be and
-- off where somebody forgot it (documents), which is one of the leaks.
CREATE TABLE orders    (id uuid PRIMARY KEY, buyer_id uuid NOT NULL, seller_id uuid NOT NULL, total_cents int NOT NULL);
CREATE TABLE invoices  (id uuid PRIMARY KEY, org_id uuid NOT NULL, total_cents int NOT NULL);
CREATE TABLE listings  (id uuid PRIMARY KEY, seller_id uuid NOT NULL, status text NOT NULL, title text NOT NULL, reserve_price int NOT NULL);
CREATE TABLE documents (id uuid PRIMARY KEY, user_id uuid NOT NULL, passport_number text NOT NULL);
CREATE TABLE tickets   (id uuid PRIMARY KEY, user_id uuid NOT NULL, subject text NOT NULL);
CREATE TABLE customers (stripe_customer_id text PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE plans     (id text PRIMARY KEY, name text NOT NULL);

CREATE FUNCTION uid() RETURNS uuid LANGUAGE sql STABLE AS
  $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;

ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders FOR SELECT TO authenticated USING (buyer_id = uid() OR seller_id = uid());
ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tickets FOR SELECT TO authenticated USING (user_id = uid());
ALTER TABLE listings ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON listings FOR SELECT TO anon, authenticated USING (status = 'published');

GRANT SELECT ON orders, tickets, listings, documents, plans TO authenticated;
GRANT SELECT ON listings, documents, plans TO anon;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO service_role, app_user;
