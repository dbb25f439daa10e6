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
