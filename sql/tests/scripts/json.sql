# json and jsonb: texts, operators, functions, aggregates.
> select '{"b": [1,  2], "a":null}'::json, '{"bb": [1,  2], "a":null, "b": 1.10, "a": 2}'::jsonb
json|jsonb
{"b": [1,  2], "a":null}|{"a": 2, "b": 1.10, "bb": [1, 2]}
(1 row)

> select '{"a" 1}'::json
ERROR:  22P02: invalid input syntax for type json
DETAIL:  Expected ":", but found "1".
CONTEXT:  JSON data, line 1: {"a" 1...

> select '[1,]'::jsonb
ERROR:  22P02: invalid input syntax for type json
DETAIL:  Expected JSON value, but found "]".
CONTEXT:  JSON data, line 1: [1,]

> select '"\u0000"'::jsonb
ERROR:  22P05: unsupported Unicode escape sequence
DETAIL:  \u0000 cannot be converted to text.
CONTEXT:  JSON data, line 1: "\u0000...

> select '"\ud83d"'::jsonb
ERROR:  22P02: invalid input syntax for type json
DETAIL:  Unicode low surrogate must follow a high surrogate.
CONTEXT:  JSON data, line 1: "\ud83d"

> select '"\ud83d\ude00 \u00e9"'::jsonb, '"\u0000"'::json
jsonb|json
"😀 é"|"\u0000"
(1 row)

> select ''::jsonb
ERROR:  22P02: invalid input syntax for type json
DETAIL:  The input string ended unexpectedly.
CONTEXT:  JSON data, line 1: 

> select '1e1000000'::jsonb
ERROR:  22003: value overflows numeric format

> select '[1e2, -0, 1.50, 12345678901234567890.123]'::jsonb, '"a\nb\t\"\\\/"'::jsonb
jsonb|jsonb
[100, 0, 1.50, 12345678901234567890.123]|"a\nb\t\"\\/"
(1 row)

> select json_build_object('a', 1, 'b', null, 'c', true, 'd', 'x"y', 'e', 1.50, 'f', date '2020-01-02', 'g', '{"z":1}'::json)
json_build_object
{"a" : 1, "b" : null, "c" : true, "d" : "x\"y", "e" : 1.50, "f" : "2020-01-02", "g" : {"z":1}}
(1 row)

> select jsonb_build_object('b', 1, 'aa', null, 'c', array[1, 2], 'b', 2), jsonb_build_array(1, 'a', null, false)
jsonb_build_object|jsonb_build_array
{"b": 2, "c": [1, 2], "aa": null}|[1, "a", null, false]
(1 row)

> select json_build_array(), json_build_object(), json_build_array(1, 'a', null, 2.5::float8, 'NaN'::float8)
json_build_array|json_build_object|json_build_array
[]|{}|[1, "a", null, 2.5, "NaN"]
(1 row)

> select json_build_object('a')
ERROR:  22023: argument list must have even number of elements
HINT:  The arguments of json_build_object() must consist of alternating keys and values.

> select jsonb_build_object('a', 1, 'b')
ERROR:  22023: argument list must have even number of elements
HINT:  The arguments of jsonb_build_object() must consist of alternating keys and values.

> select json_build_object(null, 1)
ERROR:  22023: argument 1 cannot be null
HINT:  Object keys should be text.

> select jsonb_build_object(null, 1)
ERROR:  22023: argument 1: key must not be null

> select json_build_object(array[1], 1)
ERROR:  22023: key value must be scalar, not array, composite, or json

> select json_build_object(1, 2, true, 3, date '2020-01-01', 4)
json_build_object
{"1" : 2, "true" : 3, "2020-01-01" : 4}
(1 row)

> select to_json('a"b'::text), to_json(1), to_json(true), to_json(array[[1, 2], [3, 4]]), to_json(timestamp '2020-01-02 03:04:05.6'), to_json(null::int)
to_json|to_json|to_json|to_json|to_json|to_json
"a\"b"|1|true|[[1,2],[3,4]]|"2020-01-02T03:04:05.6"|
(1 row)

> select to_jsonb('a'::text), to_jsonb(1.50), to_jsonb(array['a', null]), to_jsonb('{"b":1,"a":2}'::json), to_jsonb(interval '1 day')
to_jsonb|to_jsonb|to_jsonb|to_jsonb|to_jsonb
"a"|1.50|["a", null]|{"a": 2, "b": 1}|"1 day"
(1 row)

> select to_json(timestamptz '2020-01-02 03:04:05+02'), to_json('infinity'::timestamp), to_json(time '01:02'), to_json('\x0102'::bytea)
to_json|to_json|to_json|to_json
"2020-01-02T01:04:05+00:00"|"infinity"|"01:02:00"|"\\x0102"
(1 row)

> create table j (id int primary key, name text, doc jsonb, raw json)
CREATE TABLE

> insert into j values (1, 'one', '{"a": 1, "b": {"c": [1, 2, "x"]}}', '{"k": [1, 2]}'), (2, 'two', '[1, "a", null]', null), (3, null, '"s"', '1'), (4, 'four', null, '{}')
INSERT 0 4

> select row_to_json(j) from j order by id
row_to_json
{"id":1,"name":"one","doc":{"a": 1, "b": {"c": [1, 2, "x"]}},"raw":{"k": [1, 2]}}
{"id":2,"name":"two","doc":[1, "a", null],"raw":null}
{"id":3,"name":null,"doc":"s","raw":1}
{"id":4,"name":"four","doc":null,"raw":{}}
(4 rows)

> select row_to_json(j, true) from j where id = 1
row_to_json
{"id":1,
 "name":"one",
 "doc":{"a": 1, "b": {"c": [1, 2, "x"]}},
 "raw":{"k": [1, 2]}}
(1 row)

> select row_to_json(x) from (select id, name as "N" from j where id < 3 order by id) x
row_to_json
{"id":1,"N":"one"}
{"id":2,"N":"two"}
(2 rows)

> select row_to_json(row(1, 'a', null))
row_to_json
{"f1":1,"f2":"a","f3":null}
(1 row)

> select to_jsonb(j) from j where id = 2
to_jsonb
{"id": 2, "doc": [1, "a", null], "raw": null, "name": "two"}
(1 row)

> select json_agg(id order by id), jsonb_agg(name order by id), json_agg(doc order by id) from j
json_agg|jsonb_agg|json_agg
[1, 2, 3, 4]|["one", "two", null, "four"]|[{"a": 1, "b": {"c": [1, 2, "x"]}}, [1, "a", null], "s", null]
(1 row)

> select json_agg(j order by id) from j
json_agg
[{"id":1,"name":"one","doc":{"a": 1, "b": {"c": [1, 2, "x"]}},"raw":{"k": [1, 2]}}, 
 {"id":2,"name":"two","doc":[1, "a", null],"raw":null}, 
 {"id":3,"name":null,"doc":"s","raw":1}, 
 {"id":4,"name":"four","doc":null,"raw":{}}]
(1 row)

> select json_agg(x) from (select 1 as a, 'x' as b union all select 2, 'y') x
json_agg
[{"a":1,"b":"x"}, 
 {"a":2,"b":"y"}]
(1 row)

> select json_agg(array[id, id + 1] order by id) from j
json_agg
[[1,2], 
 [2,3], 
 [3,4], 
 [4,5]]
(1 row)

> select json_object_agg(id, name order by id), jsonb_object_agg(name, id) filter (where name is not null) from j
json_object_agg|jsonb_object_agg
{ "1" : "one", "2" : "two", "3" : null, "4" : "four" }|{"one": 1, "two": 2, "four": 4}
(1 row)

> select json_object_agg(name, id) from j
ERROR:  22023: field name must not be null

> select json_agg(id) from j where false
json_agg
(1 row)

> select json_agg(json_build_object('id', id) order by id) from j where id < 3
json_agg
[{"id" : 1}, {"id" : 2}]
(1 row)

> select id, doc -> 'a', doc ->> 'a', doc -> 'b' -> 'c' -> 2, doc #> '{b,c,0}', doc #>> '{b,c,-1}', doc -> 1, doc ->> 1, doc ->> 2, doc -> -1 from j order by id
id|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?|?column?
1|1|1|"x"|1|x||||
2||||||"a"|a||null
3|||||||||"s"
4|||||||||
(4 rows)

> select raw -> 'k', raw ->> 'k', raw #>> '{k,1}', raw -> 0, raw -> 'none' from j order by id
?column?|?column?|?column?|?column?|?column?
[1, 2]|[1, 2]|2||
||||
||||
||||
(4 rows)

> select '{"a":1,"a":2}'::json -> 'a', '{"a":"x\u00e9\n"}'::json ->> 'a', '{"a":{"b":[10,20]}}'::json #> array['a','b','1']
?column?|?column?|?column?
2|xé
|20
(1 row)

> select '{"a":1}'::jsonb = '{"a":1.0}'::jsonb, '{"a":1}'::jsonb < '[]'::jsonb, '[]'::jsonb < 'null'::jsonb, '[1]'::jsonb > '5'::jsonb, '"b"'::jsonb > '"a"'::jsonb, '{"a":1}'::jsonb <> '{"b":1}'::jsonb
?column?|?column?|?column?|?column?|?column?|?column?
t|f|t|t|t|t
(1 row)

> select v from (values ('1'::jsonb), ('"a"'), ('[]'), ('{}'), ('null'), ('true'), ('false'), ('[1,2]'), ('{"a":1}'), ('{"b":0}'), ('[[]]'), ('2.50'), ('"B"'), ('{"aa":1}')) t (v) order by v
v
[]
null
"B"
"a"
1
2.50
false
true
[[]]
[1, 2]
{}
{"a": 1}
{"aa": 1}
{"b": 0}
(14 rows)

> select count(*), count(distinct v) from (values ('1'::jsonb), ('1.0'), ('{"a":1}'), ('{"a":1.00}'), ('[1]')) t (v)
count|count
5|3
(1 row)

> select v, count(*) from (values ('{"a":1,"b":2}'::jsonb), ('{"b":2,"a":1}'), ('[]')) t (v) group by v order by v
v|count
[]|1
{"a": 1, "b": 2}|2
(2 rows)

> select '{"a":1,"b":{"c":2}}'::jsonb @> '{"b":{}}', '[1,2,[3]]'::jsonb @> '[[3],1]', '["a"]'::jsonb @> '"a"', '"a"'::jsonb @> '["a"]', '{"a":1}'::jsonb <@ '{"a":1,"b":2}', '[1]'::jsonb @> '[1,1]', '{"a":[1,2]}'::jsonb @> '{"a":[2]}'
?column?|?column?|?column?|?column?|?column?|?column?|?column?
t|t|t|f|t|t|t
(1 row)

> select '{"a":1}'::jsonb ? 'a', '["a","b"]'::jsonb ? 'b', '"a"'::jsonb ? 'a', '{"a":1}'::jsonb ?| array['x','a'], '{"a":1}'::jsonb ?& array['x','a'], '[1]'::jsonb ? '1'
?column?|?column?|?column?|?column?|?column?|?column?
t|t|t|t|f|f
(1 row)

> select '{"a":1,"b":2}'::jsonb || '{"b":3}', '[1]'::jsonb || '[2]', '[1]'::jsonb || '2', '{"a":1}'::jsonb || '[1]', '1'::jsonb || '2'
?column?|?column?|?column?|?column?|?column?
{"a": 1, "b": 3}|[1, 2]|[1, 2]|[{"a": 1}, 1]|[1, 2]
(1 row)

> select '{"a":1,"b":2}'::jsonb - 'a', '["a","b","a"]'::jsonb - 'a', '[1,2,3]'::jsonb - 1, '[1,2,3]'::jsonb - -1, '{"a":1,"b":2,"c":3}'::jsonb - array['a','c'], '{"a":{"b":[1,2]}}'::jsonb #- '{a,b,0}'
?column?|?column?|?column?|?column?|?column?|?column?
{"b": 2}|["b"]|[1, 3]|[1, 2]|{"b": 2}|{"a": {"b": [2]}}
(1 row)

> select '1'::jsonb - 'a'
ERROR:  22023: cannot delete from scalar

> select '{"a":1}'::jsonb - 1
ERROR:  22023: cannot delete from object using integer index

> select jsonb_set('{"a":[1,2]}', '{a,1}', '9'), jsonb_set('{"a":1}', '{b}', '2'), jsonb_set('{"a":1}', '{b}', '2', false), jsonb_set('[1,2]', '{5}', '3'), jsonb_set('[1,2]', '{-5}', '0'), jsonb_set('{"a":1}', '{x,y}', '2')
jsonb_set|jsonb_set|jsonb_set|jsonb_set|jsonb_set|jsonb_set
{"a": [1, 9]}|{"a": 1, "b": 2}|{"a": 1}|[1, 2, 3]|[0, 1, 2]|{"a": 1}
(1 row)

> select jsonb_insert('{"a":[0,1]}', '{a,1}', '"n"'), jsonb_insert('{"a":[0,1]}', '{a,1}', '"n"', true), jsonb_insert('{"a":1}', '{b}', '2')
jsonb_insert|jsonb_insert|jsonb_insert
{"a": [0, "n", 1]}|{"a": [0, 1, "n"]}|{"a": 1, "b": 2}
(1 row)

> select jsonb_insert('{"a":1}', '{a}', '2')
ERROR:  22023: cannot replace existing key
HINT:  Try using the function jsonb_set to replace key value.

> select jsonb_set('[1]', '{x}', '2')
ERROR:  22P02: path element at position 1 is not an integer: "x"

> select jsonb_set('1', '{x}', '2')
ERROR:  22023: cannot set path in scalar

> select jsonb_pretty('{"a":[1,{"b":2}],"c":{}}')
jsonb_pretty
{
    "a": [
        1,
        {
            "b": 2
        }
    ],
    "c": {
    }
}
(1 row)

> select jsonb_strip_nulls('{"a":null,"b":[null,{"c":null}]}'), json_strip_nulls('{"a":null, "b":[null, {"c":null}], "d":"\u00e9"}')
jsonb_strip_nulls|json_strip_nulls
{"b": [null, {}]}|{"b":[null,{}],"d":"é"}
(1 row)

> select json_typeof('1'), json_typeof('"a"'), json_typeof('null'), jsonb_typeof('[]'), jsonb_typeof('{}'), jsonb_typeof('true')
json_typeof|json_typeof|json_typeof|jsonb_typeof|jsonb_typeof|jsonb_typeof
number|string|null|array|object|boolean
(1 row)

> select json_array_length('[1,[2,3]]'), jsonb_array_length('[]')
json_array_length|jsonb_array_length
2|0
(1 row)

> select jsonb_array_length('{}')
ERROR:  22023: cannot get array length of a non-array

> select json_array_length('1')
ERROR:  22023: cannot get array length of a scalar

> select * from json_each('{"a":1,"b":"x","c":null}')
key|value
a|1
b|"x"
c|null
(3 rows)

> select * from jsonb_each_text('{"b":1,"a":"x","c":null}')
key|value
a|x
b|1
c|
(3 rows)

> select * from json_array_elements('[1,"a",null,[2]]')
value
1
"a"
null
[2]
(4 rows)

> select * from jsonb_array_elements_text('[1,"a",null,[2]]') with ordinality
value|ordinality
1|1
a|2
|3
[2]|4
(4 rows)

> select json_object_keys('{"b":1,"a":2,"b":3}')
json_object_keys
b
a
b
(3 rows)

> select jsonb_object_keys('[1]')
ERROR:  22023: cannot call jsonb_object_keys on an array

> select json_array_elements('{}')
ERROR:  22023: cannot call json_array_elements on a non-array

> select jsonb_each('1')
ERROR:  22023: cannot call jsonb_each on a non-object

> select key, value ->> 'n' from jsonb_each('{"x":{"n":1},"y":{"n":2}}') order by key desc
key|?column?
y|2
x|1
(2 rows)

> select json_object('{a,1,b,2}'), json_object('{a,b}', '{1,null}'), jsonb_object('{{a,1},{b,2}}')
json_object|json_object|jsonb_object
{"a" : "1", "b" : "2"}|{"a" : "1", "b" : null}|{"a": "1", "b": "2"}
(1 row)

> select json_object('{a,b,c}')
ERROR:  2202E: array must have even number of elements

> select json_extract_path('{"a":{"b":1}}', 'a', 'b'), jsonb_extract_path_text('{"a":["x","y"]}', 'a', '1')
json_extract_path|jsonb_extract_path_text
1|y
(1 row)

> select array_to_json(array[1, 2]), array_to_json(array[[1, 2], [3, 4]], true)
array_to_json|array_to_json
[1,2]|[[1,2],
 [3,4]]
(1 row)

> select ('{"a":1.6}'::jsonb -> 'a')::int, ('true'::jsonb)::bool, ('1.50'::jsonb)::numeric, ('2'::jsonb)::float8, '{"a":1}'::jsonb::json, '{"b":1, "a":2}'::json::jsonb
int4|bool|numeric|float8|json|jsonb
2|t|1.50|2|{"a": 1}|{"a": 2, "b": 1}
(1 row)

> select '"1"'::jsonb::int
ERROR:  22023: cannot cast jsonb string to type integer

> select 'null'::jsonb::bool
ERROR:  22023: cannot cast jsonb null to type boolean

> select '{"a":1}'::json = '{"a":1}'::json
ERROR:  42883: operator does not exist: json = json
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.

> select distinct raw from j
ERROR:  42883: could not identify an equality operator for type json

> select raw, count(*) from j group by raw
ERROR:  42883: could not identify an equality operator for type json

> select raw from j order by raw
ERROR:  42883: could not identify an ordering operator for type json
HINT:  Use an explicit ordering operator or modify the query.

> select count(distinct raw) from j
ERROR:  42883: could not identify an equality operator for type json

> select json_agg(raw order by raw) from j
ERROR:  42883: could not identify an ordering operator for type json
HINT:  Use an explicit ordering operator or modify the query.

> select count(*) over (partition by raw) from j
ERROR:  42883: could not identify an equality operator for type json

> select count(*) over (order by raw) from j
ERROR:  42883: could not identify an ordering operator for type json
HINT:  Use an explicit ordering operator or modify the query.

> select least(raw, raw) from j
ERROR:  42883: could not identify a comparison function for type json

> select raw from j union select raw from j
ERROR:  42883: could not identify an equality operator for type json

> select raw from j where id = 1 union all select raw from j where id = 3
raw
{"k": [1, 2]}
1
(2 rows)

> select '"s"'::jsonb -> 0, '"s"'::jsonb -> 1, '"s"'::json -> 0, '1'::jsonb ->> -1
?column?|?column?|?column?|?column?
"s"|||1
(1 row)

> select '"\ud83dx"'::jsonb
ERROR:  22P02: invalid input syntax for type json
DETAIL:  Unicode low surrogate must follow a high surrogate.
CONTEXT:  JSON data, line 1: "\ud83dx...

> select '"\udc00"'::jsonb
ERROR:  22P02: invalid input syntax for type json
DETAIL:  Unicode low surrogate must follow a high surrogate.
CONTEXT:  JSON data, line 1: "\udc00...

> select pg_typeof('{}'::jsonb), pg_typeof('[]'::json), pg_typeof(to_jsonb(1)), array['{}'::jsonb, '[1]']
pg_typeof|pg_typeof|pg_typeof|array
jsonb|json|jsonb|{"{}",[1]}
(1 row)

> create index j_doc on j (doc)
CREATE INDEX

> select id from j where doc = '{"b": {"c": [1, 2, "x"]}, "a": 1.0}'
id
1
(1 row)

> select id from j where doc >= '[]' order by doc
id
3
2
1
(3 rows)

> select id from j where doc @> '{"a": 1}'
id
1
(1 row)

> update j set doc = jsonb_set(doc, '{a}', '2') || '{"n": true}' where id = 1
UPDATE 1

> select doc from j where id = 1
doc
{"a": 2, "b": {"c": [1, 2, "x"]}, "n": true}
(1 row)

> create unique index j_doc2 on j (doc)
CREATE INDEX

> insert into j values (5, 'five', '{"a": 2.0, "n": true, "b": {"c": [1, 2, "x"]}}', null)
ERROR:  23505: duplicate key value violates unique constraint "j_doc2"
DETAIL:  Key (doc)=({"a": 2.0, "b": {"c": [1, 2, "x"]}, "n": true}) already exists.

> select j2.id, j1.id from j j1 join j j2 on j1.doc = j2.doc order by 1, 2
id|id
1|1
2|2
3|3
(3 rows)

> select max(doc ->> 'a') from j where jsonb_typeof(doc) = 'object'
max
2
(1 row)

> select json_agg(x.v) from (select jsonb_array_elements('[3,1,2]') as v) x
json_agg
[3, 1, 2]
(1 row)

> select row_to_json(t2) from j t1 left join j t2 on t2.id = t1.id + 3 order by t1.id
row_to_json
{"id":4,"name":"four","doc":null,"raw":{}}
(4 rows)

> select coalesce(json_agg(t2), '[]') from j t2 where false
coalesce
[]
(1 row)

> select jsonb_build_object('rows', (select jsonb_agg(jsonb_build_object('id', id) order by id) from j where id < 3))
jsonb_build_object
{"rows": [{"id": 1}, {"id": 2}]}
(1 row)

> drop table j
DROP TABLE

# Records whose fields are known by the function that made them.
> select (information_schema._pg_expandarray(array['a', 'b'])).n
n
1
2
(2 rows)

> select (k).x, (k).n from (select information_schema._pg_expandarray(array['a', 'b']) as k) q
x|n
a|1
b|2
(2 rows)

> select * from information_schema._pg_expandarray('3 5'::int2vector)
x|n
3|1
5|2
(2 rows)

> select (json_each('{"a": 1, "b": [2]}')).*
key|value
a|1
b|[2]
(2 rows)

> select (jsonb_each_text('{"a": 1}')).nosuch
ERROR:  42703: could not identify column "nosuch" in record data type

> select elem, elem ->> 'k' from jsonb_array_elements('[{"k": 1}, {"k": null}]') elem
elem|?column?
{"k": 1}|1
{"k": null}|
(2 rows)

> select value from json_array_elements('[1, 2]') elem where elem::text = '2'
value
2
(1 row)

> select n, x from generate_series(1, 2) n, json_array_elements_text('["a", "b"]') with ordinality as t (x, i) where i = n
n|x
1|a
2|b
(2 rows)

> select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1
nspname
public
(1 row)

> select * from json_to_recordset('[{"a":1,"b":"foo","d":false},{"a":"2","b":{"x": [1]},"c":true}]') as x(a int, b text, c boolean)
a|b|c
1|foo|
2|{"x": [1]}|t
(2 rows)

> select x.n, sum(x.a) from (values ('[{"a":1.5,"n":"p"},{"a":7,"n":"q"},{"a":1,"n":"p"}]'::jsonb)) v(j), jsonb_to_recordset(v.j) x(a numeric, n varchar(2)) group by 1 order by 1
n|sum
p|2.5
q|7
(2 rows)

> select * from jsonb_to_record('{"a": "x\ty", "b": "x", "c": [[1, 2], [null, 4]], "d": "{5,6}", "e": "2001-01-01", "f": null, "g": 1, "g": 2}') as x(a json, b jsonb, c int[], d int[], e date, f json, g int, nosuch text)
a|b|c|d|e|f|g|nosuch
"x\ty"|"x"|{{1,2},{NULL,4}}|{5,6}|2001-01-01||2|
(1 row)

> select * from json_to_record('{"c": [], "d": [[], []], "e": [{"a":1}], "f": [[1], "x"]}') as x(c int[], d int[], e json[], f json)
c|d|e|f
{}|{}|{"{\"a\":1}"}|[[1], "x"]
(1 row)

> select * from json_to_recordset(null) as x(a int), json_to_record(null) as y(b int)
a|b
(0 rows)

> select b is null from json_to_record(null) as y(b int)
?column?
t
(1 row)

> select * from json_to_record('{"a": "x"}') as x(a int)
ERROR:  22P02: invalid input syntax for type integer: "x"

> select * from json_to_record('{"a": "abc"}') as x(a varchar(2))
ERROR:  22001: value too long for type character varying(2)

> select * from json_to_record('{"c": 5}') as x(c int[])
ERROR:  22P02: expected JSON array
HINT:  See the value of key "c".

> select * from json_to_record('{"c": [[1, 2], [3]]}') as x(c int[])
ERROR:  22P02: malformed JSON array
DETAIL:  Multidimensional arrays must have sub-arrays with matching dimensions.

> select * from json_to_record('{"c": [[[1], 2], [3]]}') as x(c int[])
ERROR:  22P02: expected JSON array
HINT:  See the array element [0][1] of key "c".

> select * from json_to_record('{"c": [1, [2]]}') as x(c int[])
ERROR:  22P02: invalid input syntax for type integer: "[2]"

> select * from json_to_record('{"c": [[[[[[[1]]]]]]]}') as x(c int[])
ERROR:  54000: number of array dimensions (7) exceeds the maximum allowed (6)

> select * from json_to_record('[1]') as x(a int)
ERROR:  22023: cannot call populate_composite on an array

> select * from jsonb_to_record('1') as x(a int)
ERROR:  22023: cannot call populate_composite on a scalar

> select * from json_to_recordset('{"a": 1}') as x(a int)
ERROR:  22023: cannot call json_to_recordset on an object

> select * from json_to_recordset('1') as x(a int)
ERROR:  22023: cannot call json_to_recordset on a scalar

> select * from jsonb_to_recordset('{"a": 1}') as x(a int)
ERROR:  22023: cannot call jsonb_to_recordset on a non-array

> select * from jsonb_to_recordset('[{"a": 1}, 2]') as x(a int)
ERROR:  22023: argument of jsonb_to_recordset must be an array of objects

> select json_to_record('{"a": 1}')
ERROR:  0A000: could not determine row type for result of json_to_record
HINT:  Provide a non-null record argument, or call the function in the FROM clause using a column definition list.

> select * from json_to_recordset('[]')
ERROR:  42601: a column definition list is required for functions returning "record"

> select ('123'::jsonb)['a'], ('123'::jsonb)[0], ('{"a": 1}'::jsonb)['a'], ('{"a": 1}'::jsonb)[0], ('{"a": 1}'::jsonb)[null], ('[1, "2", null]'::jsonb)['1'], ('[1, "2", null]'::jsonb)[-2], ('[1, "2", null]'::jsonb)[2], ('[1, "2", null]'::jsonb)[3]
jsonb|jsonb|jsonb|jsonb|jsonb|jsonb|jsonb|jsonb|jsonb
||1|||"2"|"2"|null|
(1 row)

> select ('{"a": ["a1", {"b1": ["aaa", "bbb", "ccc"]}], "b": "bb"}'::jsonb)['a'][1]['b1'][2], ('{"0": 7}'::jsonb)[0]
jsonb|jsonb
"ccc"|7
(1 row)

> select ('[1, "2", null]'::jsonb)[1.0]
ERROR:  42804: subscript type numeric is not supported
HINT:  jsonb subscript must be coercible to either integer or text.

> select ('{"a": 1}'::jsonb)['a':'b']
ERROR:  42804: jsonb subscript does not support slices

> select ('[1, "2", null]'::jsonb)[:]
ERROR:  42804: jsonb subscript does not support slices

> create table subscripted (id int, doc jsonb); insert into subscripted values (1, '{"k": {"n": 5}}'), (2, '{"k": [6]}')
CREATE TABLE
INSERT 0 2

> select id, doc['k']['n'], doc['k'][id - 2], doc['k']::text from subscripted where doc['k'] is not null order by doc['k']['n']::int nulls first
id|doc|doc|doc
2||6|[6]
1|5||{"n": 5}
(2 rows)

> create view subscripts as select doc['k'] from subscripted; select * from subscripts
CREATE VIEW
doc
{"n": 5}
[6]
(2 rows)

> drop view subscripts; drop table subscripted
DROP VIEW
DROP TABLE

> create table parts (id int primary key, j jsonb, js json); insert into parts values (1, '{"a": {"b": 1}}', '{}'), (2, null, null), (3, '[1, 2]', null), (4, '5', null)
CREATE TABLE
INSERT 0 4

> update parts set j['a']['b'] = '2' where id = 1 returning j
j
{"a": {"b": 2}}
(1 row)
UPDATE 1

> update parts set j['a']['b']['c'] = '2' where id = 1
ERROR:  22023: cannot replace existing key
DETAIL:  The path assumes key is a composite object, but it is a scalar value.

> update parts set j['x']['y'][2]['z'] = '"v"' where id = 1 returning j
j
{"a": {"b": 2}, "x": {"y": [null, null, {"z": "v"}]}}
(1 row)
UPDATE 1

> update parts set j['a'][0] = '1' where id = 2 returning j
j
{"a": [1]}
(1 row)
UPDATE 1

> update parts set j = null where id = 2; update parts set j[2] = '1' where id = 2 returning j
UPDATE 1
j
[null, null, 1]
(1 row)
UPDATE 1

> update parts set j[-1] = '7' where id = 2 returning j
j
[null, null, 7]
(1 row)
UPDATE 1

> update parts set j[-4] = '7' where id = 2
ERROR:  22023: path element at position 1 is out of range: -4

> update parts set j['a'] = '7' where id = 2
ERROR:  22P02: path element at position 1 is not an integer: "a"

> update parts set j['0'] = '7' where id = 2 returning j
j
[7, null, 7]
(1 row)
UPDATE 1

> update parts set j[4][1]['q'] = null where id = 2 returning j
j
[7, null, 7, null, [null, {"q": null}]]
(1 row)
UPDATE 1

> update parts set j[4][-1] = '3', j[6][-1] = '3' where id = 2 returning j
j
[7, null, 7, null, [null, 3], null, [3]]
(1 row)
UPDATE 1

> update parts set j[4][-7] = '3' where id = 2
ERROR:  22023: path element at position 2 is out of range: -7

> update parts set j[null] = '3' where id = 2
ERROR:  22004: jsonb subscript in assignment must not be null

> update parts set j['a'] = '3' where id = 4
ERROR:  22023: cannot replace existing key
DETAIL:  The path assumes key is a composite object, but it is a scalar value.

> update parts set j[0] = '3' where id = 4
ERROR:  22023: cannot replace existing key
DETAIL:  The path assumes key is a composite object, but it is a scalar value.

> update parts set j[1.5] = '3' where id = 4
ERROR:  42804: subscript type numeric is not supported
HINT:  jsonb subscript must be coercible to either integer or text.

> update parts set j['a':'b'] = '3' where id = 4
ERROR:  42804: jsonb subscript does not support slices

> update parts set j[j] = '3' where id = 4
ERROR:  42804: subscript type jsonb is not supported
HINT:  jsonb subscript must be coercible to either integer or text.

> update parts set j['a'] = 3 where id = 1
ERROR:  42804: subscripted assignment to "j" requires type jsonb but expression is of type integer
HINT:  You will need to rewrite or cast the expression.

> update parts set j['a'] = 'x' where id = 1
ERROR:  22P02: invalid input syntax for type json
DETAIL:  Token "x" is invalid.
CONTEXT:  JSON data, line 1: x

> update parts set j['a'] = default where id = 1
ERROR:  0A000: cannot set an array element to DEFAULT

> update parts set j['a'] = '"t"'::json where id = 1 returning j
j
{"a": "t", "x": {"y": [null, null, {"z": "v"}]}}
(1 row)
UPDATE 1

> update parts set js['a'] = '"t"' where id = 1
ERROR:  42804: cannot subscript type json because it does not support subscripting

> update parts set j['p'] = '1', j['q'] = j['a'], j['p'] = '2' where id = 1 returning j
j
{"a": "t", "p": 2, "q": "t", "x": {"y": [null, null, {"z": "v"}]}}
(1 row)
UPDATE 1

> update parts set j['p'] = '1', j = '2' where id = 1
ERROR:  42601: multiple assignments to same column "j"

> update parts set j = '1', j['p'] = '2' where id = 1
ERROR:  42601: multiple assignments to same column "j"

> update parts set (j['p'], js) = ('"multi"', '[]') where id = 1 returning j, js
j|js
{"a": "t", "p": "multi", "q": "t", "x": {"y": [null, null, {"z": "v"}]}}|[]
(1 row)
UPDATE 1

> update parts set (j['r'], j['p']) = (select to_jsonb(id), '"sub"'::jsonb) where id = 1 returning j
j
{"a": "t", "p": "sub", "q": "t", "r": 1, "x": {"y": [null, null, {"z": "v"}]}}
(1 row)
UPDATE 1

> update parts set j[id::text] = to_jsonb(id), j['n'] = null where id = 1 returning j
j
{"1": 1, "a": "t", "n": null, "p": "sub", "q": "t", "r": 1, "x": {"y": [null, null, {"z": "v"}]}}
(1 row)
UPDATE 1

> update parts set j[0]['b'] = '1' where id = 3
ERROR:  22023: cannot replace existing key
DETAIL:  The path assumes key is a composite object, but it is a scalar value.

> update parts set j[2] = '{"x": 1}', j[2]['y'] = '[]', j[2]['y'][1] = 'null' where id = 3 returning j
j
[1, 2, {"x": 1, "y": [null, null]}]
(1 row)
UPDATE 1

> update parts set j = null; update parts set j['0'] = '1', j['b']['1']['x'] = '1' where id = 1 returning j
UPDATE 4
j
{"0": 1, "b": [null, {"x": 1}]}
(1 row)
UPDATE 1

> insert into parts (id, j['x'], j['y']['z']) values (10, '1', null), (11, '[]', '"z"') returning id, j
id|j
10|{"x": 1, "y": {"z": null}}
11|{"x": [], "y": {"z": "z"}}
(2 rows)
INSERT 0 2

> insert into parts (id, j['x']) values (1, '1') on conflict (id) do update set j['ex'] = excluded.j['x'], j[parts.id::text] = to_jsonb(parts.id) returning j
j
{"0": 1, "1": 1, "b": [null, {"x": 1}], "ex": 1}
(1 row)
INSERT 0 1

> insert into parts (j[0], id, j[2]) select '1', 12, null returning j
j
[1, null, null]
(1 row)
INSERT 0 1

> insert into parts (id, j['a']['b'], j['a']['c']) select 13, '"x"', to_jsonb(n) from generate_series(1, 1) n returning j
j
{"a": {"b": "x", "c": 1}}
(1 row)
INSERT 0 1

> insert into parts (id, j['k']) select 14, 1
ERROR:  42804: subscripted assignment to "j" requires type jsonb but expression is of type integer
HINT:  You will need to rewrite or cast the expression.

> insert into parts (id, j['k']) values (14, 'x')
ERROR:  22P02: invalid input syntax for type json
DETAIL:  Token "x" is invalid.
CONTEXT:  JSON data, line 1: x

> drop table parts
DROP TABLE

> select '[]'::jsonb #- '{a}', '{}'::jsonb #- '{a}', '[1]'::jsonb #- '{}', jsonb_set('[]', '{a}', '1', false), jsonb_set('{}', '{a}', '1', false)
?column?|?column?|?column?|jsonb_set|jsonb_set
[]|{}|[1]|[]|{}
(1 row)

> select jsonb_set('[]', '{a}', '1')
ERROR:  22P02: path element at position 1 is not an integer: "a"

> select jsonb_insert('[]', '{a}', '1')
ERROR:  22P02: path element at position 1 is not an integer: "a"

> select '[1]'::jsonb #- '{a}'
ERROR:  22P02: path element at position 1 is not an integer: "a"

> select jsonb_set_lax('{"a":1,"b":2}', '{b}', null), jsonb_set_lax('{"a":1,"b":2}', '{b}', null, true, 'delete_key'), jsonb_set_lax('{"a":1,"b":2}', '{b}', null, null_value_treatment => 'return_target'), jsonb_set_lax('{"a":1,"b":2}', '{c}', '3'), jsonb_set_lax('{"a":1}', '{c}', '3', false), jsonb_set_lax('{"a":1}', null, '3'), jsonb_set_lax('{"a":1}', '{a}', null, null), jsonb_set_lax('{"a":1}', '{b}', null, true, 'use_json_null')
jsonb_set_lax|jsonb_set_lax|jsonb_set_lax|jsonb_set_lax|jsonb_set_lax|jsonb_set_lax|jsonb_set_lax|jsonb_set_lax
{"a": 1, "b": null}|{"a": 1}|{"a": 1, "b": 2}|{"a": 1, "b": 2, "c": 3}|{"a": 1}|||{"a": 1, "b": null}
(1 row)

> select jsonb_set_lax('{"a":1}', '{a}', null, true, null)
ERROR:  22023: null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"

> select jsonb_set_lax('{"a":1}', '{a}', '2', true, null)
ERROR:  22023: null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"

> select jsonb_set_lax('{"a":1}', '{a}', null, true, 'raise_exception')
ERROR:  22004: JSON value must not be null
DETAIL:  Exception was raised because null_value_treatment is "raise_exception".
HINT:  To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.

> select jsonb_set_lax('{"a":1}', '{a}', null, true, 'no_such')
ERROR:  22023: null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"

> select jsonb_set_lax('{"a":1}', '{a}', '2', true, 'no_such')
jsonb_set_lax
{"a": 2}
(1 row)

> create table kept (id int, j jsonb, c text generated always as (jsonb_extract_path_text(j, 'a', 'b')) stored, e jsonb generated always as (j['a']) stored, d text default format('%s-%s', variadic array['x', 'y']), constraint known check (num_nulls(variadic array[id]) < 1))
CREATE TABLE

> insert into kept (id, j) values (1, '{"a":{"b":5}}') returning *
id|j|c|e|d
1|{"a": {"b": 5}}|5|{"b": 5}|x-y
(1 row)
INSERT 0 1

> insert into kept (id, j) values (null, '{}')
ERROR:  23514: new row for relation "kept" violates check constraint "known"
DETAIL:  Failing row contains (null, {}, null, null, x-y).

> select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'kept'::regclass and adnum <> 4 order by adnum
pg_get_expr
jsonb_extract_path_text(j, VARIADIC ARRAY['a'::text, 'b'::text])
format('%s-%s'::text, VARIADIC ARRAY['x'::text, 'y'::text])
(2 rows)

> drop table kept
DROP TABLE

> create table populated (a int, b text, gone int, c int[], d jsonb); alter table populated drop column gone; insert into populated values (7, 'old')
CREATE TABLE
ALTER TABLE
INSERT 0 1

> select * from json_populate_record(null::populated, '{"a": 1, "b": "x", "c": [1, 2], "d": {"k": null}, "gone": 5}')
a|b|c|d
1|x|{1,2}|{"k": null}
(1 row)

> select * from jsonb_populate_recordset(null::public.populated, '[{"a": 1, "b": true}, {"b": 4, "a": null}]') where b is not null order by b
a|b|c|d
|4||
1|true||
(2 rows)

> insert into populated select * from json_populate_recordset(null::populated, '[{"a": 1, "d": 5}, {"c": "{3}"}]') returning *
a|b|c|d
1|||5
||{3}|
(2 rows)
INSERT 0 2

> select p.a, r.b, r.d from populated p, jsonb_populate_record(null::populated, to_jsonb(p)) r where p.b is not null
a|b|d
7|old|
(1 row)

> select r from json_populate_record(null::populated, '{"a": "1"}') r
r
(1,,,)
(1 row)

> select * from json_populate_record(null::populated, '{"a": "1"}') r(x, y)
x|y|c|d
1|||
(1 row)

> select * from json_populate_record(null::populated, '{"a": "1"}') with ordinality
a|b|c|d|ordinality
1||||1
(1 row)

> select * from json_populate_record(null::populated, null), json_populate_recordset(null::populated, null) x
a|b|c|d|a|b|c|d
(0 rows)

> select count(*), count(a) from json_populate_record(null::populated, null)
count|count
1|0
(1 row)

> select * from json_populate_record(null::record, '{"a": "1"}') r(a int, b text)
a|b
1|
(1 row)

> select * from json_populate_record(null::populated, json_array_elements('[{}]'))
ERROR:  0A000: set-returning functions must appear at top level of FROM

> select * from json_populate_record(null::populated, '{"a": "1"}') r(x int, y text)
ERROR:  42601: a column definition list is redundant for a function returning a named composite type

> select * from json_populate_record(null::populated, '{"a": "x"}')
ERROR:  22P02: invalid input syntax for type integer: "x"

> select * from json_populate_record(null::populated, '[1]')
ERROR:  22023: cannot call populate_composite on an array

> select * from json_populate_recordset(null::populated, '{"a": 1}')
ERROR:  22023: cannot call json_populate_recordset on an object

> select * from json_populate_recordset(null::populated, '[1]')
ERROR:  22023: argument of json_populate_recordset must be an array of objects

> select * from jsonb_populate_recordset(null::populated, '5')
ERROR:  22023: cannot call jsonb_populate_recordset on a non-array

> drop table populated
DROP TABLE

> select json_each.key, json_each, jsonb_array_elements.value, jsonb_array_elements from json_each('{"a":1}'), jsonb_array_elements('[2]')
key|json_each|value|jsonb_array_elements
a|(a,1)|2|2
(1 row)

> select json_each.*, ordinality from rows from (json_each('{"a":1}'), generate_series(1, 2)) with ordinality
key|value|generate_series|ordinality|ordinality
a|1|1|1|1
||2|2|2
(2 rows)

> select key.key from json_each('{"a":1}')
ERROR:  42P01: missing FROM-clause entry for table "key"

> select 1 from json_each('{}'), json_each('{}')
ERROR:  42712: table name "json_each" specified more than once

> select * from json_each('{"a":1}') r(a int)
ERROR:  42601: a column definition list is redundant for a function with OUT parameters

> select * from json_array_elements('[1]') r(a int)
ERROR:  42601: a column definition list is only allowed for functions returning "record"

> select * from generate_series(1, 2) r(a int)
ERROR:  42601: a column definition list is only allowed for functions returning "record"

> select * from json_to_record('{}') r
ERROR:  42601: a column definition list is required for functions returning "record"

> select * from json_to_record('{}') with ordinality r(a int)
ERROR:  42601: WITH ORDINALITY cannot be used with a column definition list
HINT:  Put the column definition list inside ROWS FROM().

> select * from rows from (json_to_record('{}'), json_each('{}')) r(a int)
ERROR:  42601: ROWS FROM() with multiple functions cannot have a column definition list
HINT:  Put a separate column definition list for each function inside ROWS FROM().

> select * from unnest(array[1], array[2]) r(a int, b int)
ERROR:  42601: UNNEST() with multiple arguments cannot have a column definition list
HINT:  Use separate UNNEST() calls inside ROWS FROM(), and attach a column definition list to each one.

> select * from json_to_record('{"a":3,"b":"x"}') as (a int, b text)
a|b
3|x
(1 row)

> select json_to_record.a, json_to_record from json_to_record('{"a":3}') as (a int)
a|json_to_record
3|(3)
(1 row)

> select * from rows from (json_to_record('{"a":1}') as (a int), json_to_recordset('[{"b":2},{"b":3}]') as (b int, c text[]), generate_series(8, 9)) with ordinality
a|b|c|generate_series|ordinality
1|2||8|1
|3||9|2
(2 rows)

> select * from rows from (json_to_record('{"a":1}') as (a int)) with ordinality r(x)
x|ordinality
1|1
(1 row)

> select * from rows from (json_to_record('{"a":1}')) r(a int)
a
1
(1 row)

> select * from rows from (json_to_record('{}') as (a int)) r(b int)
ERROR:  42601: multiple column definition lists are not allowed for the same function

> select * from rows from (json_each('{}') as (a int))
ERROR:  42601: a column definition list is redundant for a function with OUT parameters

> select * from rows from (json_to_record('{}') as r(a int))
ERROR:  42601: syntax error at or near "r"

> select * from rows from (generate_series(1, 2), json_to_record('{}'))
ERROR:  42601: a column definition list is required for functions returning "record"

> select * from json_to_record('{}') as (a int, a int)
ERROR:  42701: column name "a" specified more than once

> select * from json_to_record('{}') as (a)
ERROR:  42601: syntax error at or near ")"

> select * from json_to_record('{}') (a int)
ERROR:  42601: syntax error at or near "("

> select * from (select 1) r(a int)
ERROR:  42601: syntax error at or near "int"

> select * from pg_class r(a int)
ERROR:  42601: syntax error at or near "int"
