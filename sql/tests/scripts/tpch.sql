# TPC-H's schema and 22 queries (parameters of the specification's validation run) over some thousand made-up rows.

> create table region (r_regionkey int primary key, r_name char(25) not null, r_comment varchar(152))
CREATE TABLE

> create table nation (n_nationkey int primary key, n_name char(25) not null, n_regionkey int not null, n_comment
> varchar(152))
CREATE TABLE

> create table part (p_partkey bigint primary key, p_name varchar(55) not null, p_mfgr char(25) not null, p_brand
> char(10) not null, p_type varchar(25) not null, p_size int not null, p_container char(10) not null, p_retailprice
> numeric(15,2) not null, p_comment varchar(23) not null)
CREATE TABLE

> create table supplier(s_suppkey bigint primary key, s_name char(25) not null, s_address varchar(40) not null,
> s_nationkey int not null, s_phone char(15) not null, s_acctbal numeric(15,2) not null, s_comment varchar(101) not
> null)
CREATE TABLE

> create table partsupp(ps_partkey bigint not null, ps_suppkey bigint not null, ps_availqty int not null,
> ps_supplycost numeric(15,2) not null, ps_comment varchar(199) not null, primary key (ps_partkey, ps_suppkey))
CREATE TABLE

> create table customer(c_custkey bigint primary key, c_name varchar(25) not null, c_address varchar(40) not null,
> c_nationkey int not null, c_phone char(15) not null, c_acctbal numeric(15,2) not null, c_mktsegment char(10) not
> null, c_comment varchar(117) not null)
CREATE TABLE

> create table orders (o_orderkey bigint primary key, o_custkey bigint not null, o_orderstatus char(1) not null,
> o_totalprice numeric(15,2) not null, o_orderdate date not null, o_orderpriority char(15) not null, o_clerk char(15)
> not null, o_shippriority int not null, o_comment varchar(79) not null)
CREATE TABLE

> create table lineitem(l_orderkey bigint not null, l_partkey bigint not null, l_suppkey bigint not null, l_linenumber
> int not null, l_quantity numeric(15,2) not null, l_extendedprice numeric(15,2) not null, l_discount numeric(15,2)
> not null, l_tax numeric(15,2) not null, l_returnflag char(1) not null, l_linestatus char(1) not null, l_shipdate
> date not null, l_commitdate date not null, l_receiptdate date not null, l_shipinstruct char(25) not null, l_shipmode
> char(10) not null, l_comment varchar(44) not null, primary key (l_orderkey, l_linenumber))
CREATE TABLE

> insert into region select i - 1, (array['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'])[i], 'of the world'
> from generate_series(1, 5) i
INSERT 0 5

> insert into nation select i - 1, (array['ALGERIA', 'ARGENTINA', 'BRAZIL', 'CANADA', 'EGYPT', 'ETHIOPIA', 'FRANCE',
> 'GERMANY', 'INDIA', 'INDONESIA', 'IRAN', 'IRAQ', 'JAPAN', 'JORDAN', 'KENYA', 'MOROCCO', 'MOZAMBIQUE', 'PERU',
> 'CHINA', 'ROMANIA', 'SAUDI ARABIA', 'VIETNAM', 'RUSSIA', 'UNITED KINGDOM', 'UNITED STATES'])[i], (array[0, 1, 1, 1,
> 4, 0, 3, 3, 2, 2, 4, 4, 2, 4, 0, 0, 0, 1, 2, 3, 4, 2, 3, 3, 1])[i], 'a nation' from generate_series(1, 25) i
INSERT 0 25

> insert into part select i, (array['almond', 'forest', 'green', 'ghost', 'ivory', 'lemon', 'navy', 'peru'])[1 + i %
> 8] || ' ' || (array['almond', 'forest', 'green', 'ghost', 'ivory', 'lemon', 'navy', 'peru'])[1 + i * 5 % 7],
> 'Manufacturer#' || 1 + i % 5, 'Brand#' || (1 + i % 5) || (1 + i / 5 % 5), (array['STANDARD', 'SMALL', 'MEDIUM',
> 'LARGE', 'ECONOMY', 'PROMO'])[1 + i % 6] || ' ' || (array['ANODIZED', 'BURNISHED', 'PLATED', 'POLISHED',
> 'BRUSHED'])[1 + i / 6 % 5] || ' ' || (array['TIN', 'NICKEL', 'BRASS', 'STEEL', 'COPPER'])[1 + i / 25 % 5], 1 + i * 7
> % 25 * 2, (array['SM', 'LG', 'MED', 'JUMBO', 'WRAP'])[1 + i % 5] || ' ' || (array['CASE', 'BOX', 'BAG', 'JAR',
> 'PKG', 'PACK', 'CAN', 'DRUM'])[1 + i / 2 % 8], 900 + i::numeric / 10, 'part ' || i from generate_series(1, 240) i
INSERT 0 240

> insert into supplier select i, 'Supplier#' || lpad(i::text, 9, '0'), 'street ' || i * 17 % 101, i * 7 % 25, (10 + i
> * 7 % 25) || '-' || 100 + i, (i * 977 % 11000)::numeric - 1000 + 0.25, case when i % 13 = 0 then
> 'Customer sad Complaints' else 'ordinary' end from generate_series(1, 60) i
INSERT 0 60

> insert into partsupp select p, 1 + (p * 3 + s * 17) % 60, 1 + (p * 31 + s * 7) % 999, 1 + (p * 13 + s *
> 401)::numeric % 1000 + 0.5, 'supply' from generate_series(1, 240) p, generate_series(0, 3) s
INSERT 0 960

> insert into customer select i, 'Customer#' || lpad(i::text, 9, '0'), 'avenue ' || i, i * 3 % 25, (10 + i * 3 % 25)
> || '-' || 200 + i, (i * 733 % 10000)::numeric - 999.99, (array['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY',
> 'HOUSEHOLD'])[1 + i % 5], 'customer ' || i from generate_series(1, 90) i
INSERT 0 90

> insert into orders select i, 1 + (i * 13 + i / 60) % 60, case when i % 3 = 0 then 'O' when i % 3 = 1 then 'F' else
> 'P' end, round((1000 + i * 37 % 9000)::numeric / 3, 2), date '1992-01-01' + (i * 191 % 2400), (array['1-URGENT',
> '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'])[1 + i % 5], 'Clerk#' || i % 10, 0, case when i % 9 = 0 then
> 'special packages requests' else 'plain' end from generate_series(1, 600) i
INSERT 0 600

> insert into lineitem select o, 1 + (o * 7 + l * 11) % 240, 1 + ((1 + (o * 7 + l * 11) % 240) * 3 + (o + l) % 4 * 17)
> % 60, l, case when o % 50 = 0 then 50 else 1 + (o * 3 + l * 13) % 50 end, (900 + (o * 19 + l * 7) % 5000)::numeric *
> 1.25, ((o + l) % 11)::numeric / 100, ((o * l) % 9)::numeric / 100, case when o % 2 = 0 then 'N' when l % 2 = 0 then
> 'R' else 'A' end, case when o % 3 = 0 then 'O' else 'F' end, date '1992-01-01' + (o * 191 % 2400) + l * 9, date
> '1992-01-01' + (o * 191 % 2400) + 30 + l, date '1992-01-01' + (o * 191 % 2400) + l * 9 + 1 + (o + l) % 30,
> (array['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + (o + l) % 4], (array['REG AIR', 'AIR',
> 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[1 + (o * 3 + l) % 7], 'line' from generate_series(1, 600) o,
> generate_series(1, 7) l where l <= 1 + o % 7 or o % 50 = 0
INSERT 0 2436

> create index on lineitem (l_partkey, l_suppkey)
CREATE INDEX

> create index on lineitem (l_shipdate)
CREATE INDEX

> create index on orders (o_custkey)
CREATE INDEX

> create index on orders (o_orderdate)
CREATE INDEX

> create index on partsupp (ps_suppkey)
CREATE INDEX

> create index on customer (c_nationkey)
CREATE INDEX

> create index on supplier (s_nationkey)
CREATE INDEX

> analyze
ANALYZE

# Query 1.
> SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
> sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price, sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS
> sum_charge, avg(l_quantity) AS avg_qty, avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS
> count_order FROM lineitem WHERE l_shipdate <= CAST('1998-09-02' AS date) GROUP BY l_returnflag, l_linestatus ORDER
> BY l_returnflag, l_linestatus
l_returnflag|l_linestatus|sum_qty|sum_base_price|sum_disc_price|sum_charge|avg_qty|avg_price|avg_disc|count_order
A|F|11402.00|1806655.00|1715548.8000|1792593.520250|25.0043859649122807|3961.9627192982456140|0.04984649122807017544|456
A|O|5652.00|910930.00|865775.7000|883603.994250|24.7894736842105263|3995.3070175438596491|0.05052631578947368421|228
N|F|22514.00|3294032.50|3128054.9000|3268822.302000|27.3228155339805825|3997.6122572815533981|0.05006067961165048544|824
N|O|11255.00|1643155.00|1561310.3625|1596006.876000|27.2518159806295400|3978.5835351089588378|0.04985472154963680387|413
R|F|8908.00|1359047.50|1290669.9250|1348682.777250|26.0467836257309942|3973.8230994152046784|0.05046783625730994152|342
R|O|4348.00|674925.00|641083.3500|657585.106500|25.5764705882352941|3970.1470588235294118|0.04952941176470588235|170
(6 rows)

# Query 2.
> SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment FROM part, supplier, partsupp,
> nation, region WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size = 15 AND p_type LIKE '%BRASS' AND
> s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'EUROPE' AND ps_supplycost = ( SELECT
> min(ps_supplycost) FROM partsupp, supplier, nation, region WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey
> AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'EUROPE') ORDER BY s_acctbal DESC, n_name,
> s_name, p_partkey LIMIT 100
s_acctbal|s_name|n_name|p_partkey|p_mfgr|s_address|s_phone|s_comment
4827.25|Supplier#000000051       |GERMANY                  |51|Manufacturer#2           |street 59|17-151         |ordinary
(1 row)

# Query 3.
> SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority FROM customer,
> orders, lineitem WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey AND
> o_orderdate < CAST('1995-03-15' AS date) AND l_shipdate > CAST('1995-03-15' AS date) GROUP BY l_orderkey,
> o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10
l_orderkey|revenue|o_orderdate|o_shippriority
383|19629.7500|1995-02-27|0
471|17568.3750|1995-03-07|0
320|2350.5750|1995-01-25|0
(3 rows)

# Query 4.
> SELECT o_orderpriority, count(*) AS order_count FROM orders WHERE o_orderdate >= CAST('1993-07-01' AS date) AND
> o_orderdate < CAST('1993-10-01' AS date) AND EXISTS ( SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND
> l_commitdate < l_receiptdate) GROUP BY o_orderpriority ORDER BY o_orderpriority
o_orderpriority|order_count
1-URGENT       |3
2-HIGH         |5
3-MEDIUM       |4
4-NOT SPECIFIED|6
5-LOW          |2
(5 rows)

# Query 5.
> SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue FROM customer, orders, lineitem, supplier, nation,
> region WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey =
> s_nationkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'ASIA' AND o_orderdate >=
> CAST('1994-01-01' AS date) AND o_orderdate < CAST('1995-01-01' AS date) GROUP BY n_name ORDER BY revenue DESC
n_name|revenue
JAPAN                    |9738.5000
INDIA                    |9585.1750
VIETNAM                  |6553.8000
(3 rows)

# Query 6.
> SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem WHERE l_shipdate >= CAST('1994-01-01' AS date) AND
> l_shipdate < CAST('1995-01-01' AS date) AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24
revenue
12024.3375
(1 row)

# Query 7.
> SELECT supp_nation, cust_nation, l_year, sum(volume) AS revenue FROM ( SELECT n1.n_name AS supp_nation, n2.n_name AS
> cust_nation, extract(year FROM l_shipdate) AS l_year, l_extendedprice * (1 - l_discount) AS volume FROM supplier,
> lineitem, orders, customer, nation n1, nation n2 WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND
> c_custkey = o_custkey AND s_nationkey = n1.n_nationkey AND c_nationkey = n2.n_nationkey AND ((n1.n_name = 'FRANCE'
> AND n2.n_name = 'GERMANY') OR (n1.n_name = 'GERMANY' AND n2.n_name = 'FRANCE')) AND l_shipdate BETWEEN
> CAST('1995-01-01' AS date) AND CAST('1996-12-31' AS date)) AS shipping GROUP BY supp_nation, cust_nation, l_year
> ORDER BY supp_nation, cust_nation, l_year
supp_nation|cust_nation|l_year|revenue
FRANCE                   |GERMANY                  |1995|14273.6500
(1 row)

# Query 8.
> SELECT o_year, sum( CASE WHEN nation = 'BRAZIL' THEN volume ELSE 0 END) / sum(volume) AS mkt_share FROM ( SELECT
> extract(year FROM o_orderdate) AS o_year, l_extendedprice * (1 - l_discount) AS volume, n2.n_name AS nation FROM
> part, supplier, lineitem, orders, customer, nation n1, nation n2, region WHERE p_partkey = l_partkey AND s_suppkey =
> l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey AND c_nationkey = n1.n_nationkey AND n1.n_regionkey
> = r_regionkey AND r_name = 'AMERICA' AND s_nationkey = n2.n_nationkey AND o_orderdate BETWEEN CAST('1995-01-01' AS
> date) AND CAST('1996-12-31' AS date) AND p_type = 'ECONOMY ANODIZED STEEL') AS all_nations GROUP BY o_year ORDER BY
> o_year
o_year|mkt_share
1995|0.00000000000000000000
1996|0.00000000000000000000
(2 rows)

# Query 9.
> SELECT nation, o_year, sum(amount) AS sum_profit FROM ( SELECT n_name AS nation, extract(year FROM o_orderdate) AS
> o_year, l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount FROM part, supplier, lineitem,
> partsupp, orders, nation WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey AND
> p_partkey = l_partkey AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey AND p_name LIKE '%green%') AS profit
> GROUP BY nation, o_year ORDER BY nation, o_year DESC
nation|o_year|sum_profit
ARGENTINA                |1998|-46073.3125
ARGENTINA                |1997|-24598.5250
ARGENTINA                |1996|-46480.2875
ARGENTINA                |1995|-12066.3125
ARGENTINA                |1994|-71084.1500
ARGENTINA                |1993|-47143.6375
ARGENTINA                |1992|-16126.1625
CANADA                   |1998|-5855.7500
CANADA                   |1997|-48124.4250
CANADA                   |1996|-26033.4000
CANADA                   |1995|-13737.7750
CANADA                   |1994|2189.1250
CANADA                   |1993|-6762.6000
CANADA                   |1992|-35423.0875
EGYPT                    |1998|-91231.4250
EGYPT                    |1997|-75584.5625
EGYPT                    |1996|-47184.0375
EGYPT                    |1995|-81687.4125
EGYPT                    |1994|-91845.9500
EGYPT                    |1993|-177013.2500
EGYPT                    |1992|-220840.0125
ETHIOPIA                 |1997|-64916.7500
ETHIOPIA                 |1996|3205.0000
ETHIOPIA                 |1995|-1491.1000
ETHIOPIA                 |1994|-40530.8000
ETHIOPIA                 |1993|-21756.7500
ETHIOPIA                 |1992|-94942.2500
FRANCE                   |1998|-62537.8375
FRANCE                   |1997|-111896.3375
FRANCE                   |1996|-112265.2625
FRANCE                   |1995|-116523.6375
FRANCE                   |1994|-112130.4125
FRANCE                   |1993|-34056.8750
FRANCE                   |1992|-80631.8000
INDIA                    |1998|-66032.6500
INDIA                    |1997|-19174.1750
INDIA                    |1996|-35144.4500
INDIA                    |1995|-24193.3750
INDIA                    |1994|-13572.2250
INDIA                    |1993|-52430.4250
INDIA                    |1992|-57980.6000
IRAN                     |1997|-44365.2750
IRAN                     |1996|-30113.9625
IRAN                     |1995|-56228.6125
IRAN                     |1994|-35995.3500
IRAN                     |1993|-5437.4625
JAPAN                    |1997|-15046.6000
JAPAN                    |1996|-4203.1000
JAPAN                    |1995|-37901.8000
JAPAN                    |1994|-24093.7000
JAPAN                    |1993|-12683.5000
JAPAN                    |1992|-37271.9000
JORDAN                   |1998|-24014.2250
JORDAN                   |1997|-121335.5125
JORDAN                   |1996|-37838.9000
JORDAN                   |1995|-114911.2750
JORDAN                   |1994|-60214.8250
JORDAN                   |1993|-57931.5750
JORDAN                   |1992|-120320.5250
KENYA                    |1998|4156.3000
KENYA                    |1997|-10648.0500
KENYA                    |1996|-489.1500
KENYA                    |1995|-1542.2500
KENYA                    |1994|-12843.5000
KENYA                    |1993|1403.3000
KENYA                    |1992|-3324.7000
MOROCCO                  |1998|-8691.9500
MOROCCO                  |1997|-52158.6500
MOROCCO                  |1996|-24608.2750
MOROCCO                  |1995|1717.1500
MOROCCO                  |1994|-9169.1750
MOROCCO                  |1993|-36141.7250
MOROCCO                  |1992|-36112.2500
PERU                     |1998|-83778.3250
PERU                     |1997|-23487.1125
PERU                     |1996|-64347.5875
PERU                     |1995|-53281.0500
PERU                     |1994|-32961.5375
PERU                     |1993|-10520.3750
PERU                     |1992|-27043.0750
ROMANIA                  |1998|-70383.0125
ROMANIA                  |1997|-13008.1625
ROMANIA                  |1996|-54015.4000
ROMANIA                  |1995|6885.4000
ROMANIA                  |1994|5331.2625
ROMANIA                  |1993|-42435.2250
ROMANIA                  |1992|-10129.0625
RUSSIA                   |1998|-155965.4250
RUSSIA                   |1997|-78332.7500
RUSSIA                   |1996|-103954.5750
RUSSIA                   |1995|-151666.2875
RUSSIA                   |1994|-113256.4625
RUSSIA                   |1993|-122922.8875
RUSSIA                   |1992|-144319.8250
SAUDI ARABIA             |1998|-36641.9375
SAUDI ARABIA             |1997|-129062.0625
SAUDI ARABIA             |1996|-119913.2500
SAUDI ARABIA             |1995|-44674.1875
SAUDI ARABIA             |1994|-31467.0000
SAUDI ARABIA             |1993|-56229.8750
SAUDI ARABIA             |1992|12203.0625
UNITED STATES            |1998|-35954.4000
UNITED STATES            |1996|-38097.8250
UNITED STATES            |1995|-27086.6750
UNITED STATES            |1994|-8804.7250
UNITED STATES            |1993|-6507.5250
UNITED STATES            |1992|-1708.5750
VIETNAM                  |1998|-27614.4000
VIETNAM                  |1997|-95605.5000
VIETNAM                  |1996|-35805.4000
VIETNAM                  |1995|-71612.3500
VIETNAM                  |1994|-49938.1500
VIETNAM                  |1993|-27858.2000
VIETNAM                  |1992|-80040.3000
(114 rows)

# Query 10.
> SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name, c_address, c_phone,
> c_comment FROM customer, orders, lineitem, nation WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND
> o_orderdate >= CAST('1993-10-01' AS date) AND o_orderdate < CAST('1994-01-01' AS date) AND l_returnflag = 'R' AND
> c_nationkey = n_nationkey GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment ORDER BY
> revenue DESC LIMIT 20
c_custkey|c_name|revenue|c_acctbal|n_name|c_address|c_phone|c_comment
22|Customer#000000022|18115.7500|5126.01|MOZAMBIQUE               |avenue 22|26-222         |customer 22
14|Customer#000000014|14455.3250|-737.99|PERU                     |avenue 14|27-214         |customer 14
20|Customer#000000020|13694.0750|3660.01|IRAN                     |avenue 20|20-220         |customer 20
31|Customer#000000031|9761.0750|1723.01|CHINA                    |avenue 31|28-231         |customer 31
60|Customer#000000060|7967.1375|2980.01|ETHIOPIA                 |avenue 60|15-260         |customer 60
36|Customer#000000036|6930.0000|5388.01|INDIA                    |avenue 36|18-236         |customer 36
11|Customer#000000011|4054.8375|7063.01|INDIA                    |avenue 11|18-211         |customer 11
16|Customer#000000016|3803.6250|728.01|UNITED KINGDOM           |avenue 16|33-216         |customer 16
9|Customer#000000009|2898.0000|5597.01|BRAZIL                   |avenue 9|12-209         |customer 9
27|Customer#000000027|1940.6250|8791.01|FRANCE                   |avenue 27|16-227         |customer 27
(10 rows)

# Query 11.
> SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value FROM partsupp, supplier, nation WHERE ps_suppkey =
> s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY' GROUP BY ps_partkey HAVING sum(ps_supplycost *
> ps_availqty) > ( SELECT sum(ps_supplycost * ps_availqty) * 0.0001000000 FROM partsupp, supplier, nation WHERE
> ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY') ORDER BY value DESC
ps_partkey|value
191|827057.00
31|780529.50
157|748227.00
220|712460.50
60|673653.00
123|673333.00
91|486550.50
217|467126.00
57|426343.50
183|408450.00
120|406526.00
111|382166.00
23|370072.50
237|326380.50
77|325018.00
140|283417.50
43|271806.00
203|270763.50
151|253291.50
117|209302.50
180|200119.00
171|196407.00
11|190379.50
83|169249.50
20|162391.50
137|155477.00
40|126203.00
200|124510.50
103|118483.00
223|97393.50
211|80752.50
160|78647.50
231|71368.00
71|68680.50
240|54432.00
177|52981.50
197|46656.00
37|46373.50
51|38645.00
100|31356.00
143|29146.50
3|28002.50
163|25880.00
63|22936.00
80|20044.50
17|13279.00
131|7701.50
97|1612.50
(48 rows)

# Query 12.
> SELECT l_shipmode, sum( CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END) AS
> high_line_count, sum( CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END) AS
> low_line_count FROM orders, lineitem WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP') AND
> l_commitdate < l_receiptdate AND l_shipdate < l_commitdate AND l_receiptdate >= CAST('1994-01-01' AS date) AND
> l_receiptdate < CAST('1995-01-01' AS date) GROUP BY l_shipmode ORDER BY l_shipmode
l_shipmode|high_line_count|low_line_count
MAIL      |10|11
SHIP      |3|8
(2 rows)

# Query 13.
> SELECT c_count, count(*) AS custdist FROM ( SELECT c_custkey, count(o_orderkey) FROM customer LEFT OUTER JOIN orders
> ON c_custkey = o_custkey AND o_comment NOT LIKE '%special%requests%' GROUP BY c_custkey) AS c_orders (c_custkey,
> c_count) GROUP BY c_count ORDER BY custdist DESC, c_count DESC
c_count|custdist
10|32
0|30
7|11
9|6
8|6
6|4
11|1
(7 rows)

# Query 14.
> SELECT 100.00 * sum( CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END) /
> sum(l_extendedprice * (1 - l_discount)) AS promo_revenue FROM lineitem, part WHERE l_partkey = p_partkey AND
> l_shipdate >= date '1995-09-01' AND l_shipdate < CAST('1995-10-01' AS date)
promo_revenue
15.5133163618023479
(1 row)

# Query 15.
> WITH revenue AS ( SELECT l_suppkey AS supplier_no, sum(l_extendedprice * (1 - l_discount)) AS total_revenue FROM
> lineitem WHERE l_shipdate >= CAST('1996-01-01' AS date) AND l_shipdate < CAST('1996-04-01' AS date) GROUP BY
> supplier_no ) SELECT s_suppkey, s_name, s_address, s_phone, total_revenue FROM supplier, revenue WHERE s_suppkey =
> supplier_no AND total_revenue = ( SELECT max(total_revenue) FROM revenue) ORDER BY s_suppkey
s_suppkey|s_name|s_address|s_phone|total_revenue
52|Supplier#000000052       |street 76|24-152         |27597.5000
(1 row)

# Query 16.
> SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt FROM partsupp, part WHERE p_partkey =
> ps_partkey AND p_brand <> 'Brand#45' AND p_type NOT LIKE 'MEDIUM POLISHED%' AND p_size IN (49, 14, 23, 45, 19, 3,
> 36, 9) AND ps_suppkey NOT IN ( SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Customer%Complaints%') GROUP BY
> p_brand, p_type, p_size ORDER BY supplier_cnt DESC, p_brand, p_type, p_size
p_brand|p_type|p_size|supplier_cnt
Brand#25  |ECONOMY PLATED BRASS|45|4
Brand#25  |ECONOMY PLATED NICKEL|45|4
Brand#25  |LARGE POLISHED NICKEL|45|4
Brand#25  |LARGE POLISHED TIN|45|4
Brand#25  |MEDIUM BRUSHED TIN|45|4
Brand#25  |PROMO BURNISHED BRASS|45|4
Brand#25  |PROMO BURNISHED STEEL|45|4
Brand#25  |SMALL ANODIZED COPPER|45|4
Brand#25  |STANDARD BURNISHED STEEL|45|4
Brand#32  |ECONOMY POLISHED COPPER|49|4
Brand#32  |ECONOMY POLISHED STEEL|49|4
Brand#32  |MEDIUM ANODIZED BRASS|49|4
Brand#32  |MEDIUM ANODIZED NICKEL|49|4
Brand#32  |STANDARD PLATED TIN|49|4
Brand#33  |ECONOMY POLISHED COPPER|19|4
Brand#33  |MEDIUM ANODIZED BRASS|19|4
Brand#33  |MEDIUM ANODIZED STEEL|19|4
Brand#33  |STANDARD PLATED NICKEL|19|4
Brand#33  |STANDARD PLATED TIN|19|4
Brand#35  |ECONOMY POLISHED NICKEL|9|4
Brand#35  |ECONOMY POLISHED TIN|9|4
Brand#35  |MEDIUM ANODIZED COPPER|9|4
Brand#35  |STANDARD PLATED BRASS|9|4
Brand#35  |STANDARD PLATED STEEL|9|4
Brand#44  |ECONOMY BRUSHED COPPER|3|4
Brand#44  |LARGE ANODIZED STEEL|3|4
Brand#44  |MEDIUM BURNISHED BRASS|3|4
Brand#44  |MEDIUM BURNISHED STEEL|3|4
Brand#44  |PROMO POLISHED TIN|3|4
Brand#44  |SMALL PLATED BRASS|3|4
Brand#44  |SMALL PLATED NICKEL|3|4
Brand#44  |STANDARD POLISHED NICKEL|3|4
Brand#44  |STANDARD POLISHED TIN|3|4
Brand#32  |LARGE BRUSHED BRASS|49|2
Brand#32  |LARGE BRUSHED STEEL|49|2
Brand#32  |PROMO PLATED COPPER|49|2
Brand#32  |SMALL BURNISHED NICKEL|49|2
Brand#32  |SMALL BURNISHED TIN|49|2
Brand#33  |LARGE BRUSHED COPPER|19|2
Brand#33  |LARGE BRUSHED STEEL|19|2
Brand#33  |PROMO PLATED TIN|19|2
Brand#33  |SMALL BURNISHED BRASS|19|2
Brand#33  |SMALL BURNISHED NICKEL|19|2
Brand#35  |LARGE BRUSHED TIN|9|2
Brand#35  |PROMO PLATED BRASS|9|2
Brand#35  |PROMO PLATED NICKEL|9|2
Brand#35  |SMALL BURNISHED STEEL|9|2
(47 rows)

# Query 17.
> SELECT sum(l_extendedprice) / 7.0 AS avg_yearly FROM lineitem, part WHERE p_partkey = l_partkey AND p_brand =
> 'Brand#23' AND p_container = 'MED BOX' AND l_quantity < ( SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey
> = p_partkey)
avg_yearly
(1 row)

# Query 18.
> SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) FROM customer, orders, lineitem
> WHERE o_orderkey IN ( SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300) AND
> c_custkey = o_custkey AND o_orderkey = l_orderkey GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
> ORDER BY o_totalprice DESC, o_orderdate LIMIT 100
c_name|c_custkey|o_orderkey|o_orderdate|o_totalprice|sum
Customer#000000038|38|450|1997-05-04|2883.33|350.00
Customer#000000024|24|200|1998-01-09|2800.00|350.00
Customer#000000047|47|400|1997-06-23|2266.67|350.00
Customer#000000033|33|150|1998-02-28|2183.33|350.00
Customer#000000011|11|600|1996-12-05|1733.33|350.00
Customer#000000056|56|350|1997-08-12|1650.00|350.00
Customer#000000042|42|100|1998-04-19|1566.67|350.00
Customer#000000020|20|550|1997-01-24|1116.67|350.00
Customer#000000006|6|300|1997-10-01|1033.33|350.00
Customer#000000051|51|50|1998-06-08|950.00|350.00
Customer#000000029|29|500|1997-03-15|500.00|350.00
Customer#000000015|15|250|1997-11-20|416.67|350.00
(12 rows)

# Query 19.
> SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue FROM lineitem, part WHERE (p_partkey = l_partkey AND
> p_brand = 'Brand#12' AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG') AND l_quantity >= 1 AND
> l_quantity <= 1 + 10 AND p_size BETWEEN 1 AND 5 AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct =
> 'DELIVER IN PERSON') OR (p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container IN ('MED BAG', 'MED BOX',
> 'MED PKG', 'MED PACK') AND l_quantity >= 10 AND l_quantity <= 10 + 10 AND p_size BETWEEN 1 AND 10 AND l_shipmode IN
> ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON') OR (p_partkey = l_partkey AND p_brand = 'Brand#34' AND
> p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG') AND l_quantity >= 20 AND l_quantity <= 20 + 10 AND p_size
> BETWEEN 1 AND 15 AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON')
revenue
(1 row)

# Query 20.
> SELECT s_name, s_address FROM supplier, nation WHERE s_suppkey IN ( SELECT ps_suppkey FROM partsupp WHERE ps_partkey
> IN ( SELECT p_partkey FROM part WHERE p_name LIKE 'forest%') AND ps_availqty > ( SELECT 0.5 * sum(l_quantity) FROM
> lineitem WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey AND l_shipdate >= CAST('1994-01-01' AS date) AND
> l_shipdate < CAST('1995-01-01' AS date))) AND s_nationkey = n_nationkey AND n_name = 'CANADA' ORDER BY s_name
s_name|s_address
Supplier#000000004       |street 68
(1 row)

# Query 21.
> SELECT s_name, count(*) AS numwait FROM supplier, lineitem l1, orders, nation WHERE s_suppkey = l1.l_suppkey AND
> o_orderkey = l1.l_orderkey AND o_orderstatus = 'F' AND l1.l_receiptdate > l1.l_commitdate AND EXISTS ( SELECT * FROM
> lineitem l2 WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey) AND NOT EXISTS ( SELECT * FROM
> lineitem l3 WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey AND l3.l_receiptdate >
> l3.l_commitdate) AND s_nationkey = n_nationkey AND n_name = 'SAUDI ARABIA' GROUP BY s_name ORDER BY numwait DESC,
> s_name LIMIT 100
s_name|numwait
Supplier#000000010       |2
(1 row)

# Query 22.
> SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal FROM ( SELECT substring(c_phone FROM 1 FOR 2) AS
> cntrycode, c_acctbal FROM customer WHERE substring(c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18',
> '17') AND c_acctbal > ( SELECT avg(c_acctbal) FROM customer WHERE c_acctbal > 0.00 AND substring(c_phone FROM 1 FOR
> 2) IN ('13', '31', '23', '29', '30', '18', '17')) AND NOT EXISTS ( SELECT * FROM orders WHERE o_custkey =
> c_custkey)) AS custsale GROUP BY cntrycode ORDER BY cntrycode
cntrycode|numcust|totacctbal
13|1|4708.01
30|2|11615.02
(2 rows)
