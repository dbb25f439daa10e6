# Hashes.

> select hashtext(''), hashtext('a'), hashtext('some name'), hashtext('a dozen byte'), hashtext('thirteen byte'), hashtext('größer als eins')
hashtext|hashtext|hashtext|hashtext|hashtext|hashtext
-1477818771|1075015857|1039849329|-1218036739|-1367827268|1765043609
(1 row)

> select hashtextextended('', 0), hashtextextended('some name', 0), hashtextextended('some name', 1), hashtextextended('some name', -1)
hashtextextended|hashtextextended|hashtextextended|hashtextextended
-6939563903564495251|-8525770511157110927|-714770526697667437|4359919020098774443
(1 row)

> select hashint2(-1::int2), hashint4(-1), hashint8(-1), hashint4(1), hashint8(1), hashint8(4294967297), hashint8(-4294967297)
hashint2|hashint4|hashint8|hashint4|hashint8|hashint8|hashint8
385747274|385747274|385747274|-1905060026|-1905060026|-272711505|-1242090879
(1 row)

> select hashint2extended(-1::int2, 7), hashint4extended(-1, 7), hashint8extended(-1, 7), hashint8extended(-4294967297, -7)
hashint2extended|hashint4extended|hashint8extended|hashint8extended
8228280636233252028|8228280636233252028|8228280636233252028|-6410357414948345214
(1 row)

> select hashtext(null), hashint4extended(1, null)
hashtext|hashint4extended
|
(1 row)

> select hashint2(1)
ERROR:  42883: function hashint2(integer) does not exist
HINT:  No function matches the given name and argument types. You might need to add explicit type casts.
