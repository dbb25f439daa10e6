# The longest match wins, or the shortest where the first quantifier is non-greedy.
> select regexp_match('ab', '(a|ab)'), substring('XY1234Z', 'Y*([0-9]{1,3})'), substring('XY1234Z', 'Y*?([0-9]{1,3})'), regexp_match('abc01234xyz', '(?:(.*?)(\d+)(.*)){1,1}'), regexp_match('abc01234xyz', '(.*)(\d+)(.*)'), regexp_match('abc01234xyz', '(.*?)(\d+)(.*)')
regexp_match|substring|substring|regexp_match|regexp_match|regexp_match
{ab}|123|1|{abc,01234,xyz}|{abc0123,4,xyz}|{abc,0,""}
(1 row)

> select regexp_replace('foobarbaz', 'b(..)', 'X\1Y', 'g'), regexp_replace('foo foobar', 'foo|foobar', '<\&>', 'g'), regexp_replace('aab ab', '(a|ab)(b?)', '[\1,\2]', 'g'), regexp_split_to_array('1ab2abc3a4', 'a|ab|abc'), regexp_count('abcabab', 'ab|abc|b'), regexp_instr('xxabcab', 'ab|abc', 1, 1, 1), regexp_substr('xabcabx', 'a|ab|abc', 1, 2), 'abc' ~ '^(a|ab)$', regexp_like('abc', '^(a|ab|abc)$')
regexp_replace|regexp_replace|regexp_replace|regexp_split_to_array|regexp_count|regexp_instr|regexp_substr|?column?|regexp_like
fooXarYXazY|<foo> <foobar>|[a,][ab,] [ab,]|{1,2,3,4}|3|6|ab|f|t
(1 row)

> select m from regexp_matches('aab abb abab', '(a|ab)(b*)', 'g') m
m
{a,""}
{ab,""}
{ab,b}
{ab,""}
{ab,""}
(5 rows)

> select p from regexp_split_to_table('one, two:three::four', ',|, |:+') p
p
one
two
three
four
(4 rows)

> select regexp_match('ABAB', '(ab|a)\1', 'i'), regexp_match('aBab', '^(ab)\1$', 'i'), regexp_match('aBab', '^(ab)\1$'), regexp_match('éaÉa', '(éa)\1', 'i'), regexp_match('aéébéé', '(é+)b\1')
regexp_match|regexp_match|regexp_match|regexp_match|regexp_match
{AB}|{aB}||{éa}|{éé}
(1 row)

> select regexp_match('foobar', 'foo(?=bar)'), regexp_match('foobaz', 'foo(?!bar)'), regexp_match('foobar', '(?<=foo)bar'), regexp_match('xbar foobar', '(?<!foo)b(a)r'), 'Passw0rd' ~ '^(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{8,}$', 'password' ~ '^(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{8,}$', regexp_replace('1234567', '(\d)(?=(\d{3})+$)', '\1,', 'g'), regexp_count('aXbXXc', '(?<=X)'), 'a' !~ '(?!a)', regexp_match('abcabc', '(?<=(b|bc))(c|a)')
regexp_match|regexp_match|regexp_match|regexp_match|?column?|?column?|regexp_replace|regexp_count|?column?|regexp_match
{foo}|{foo}|{bar}|{a}|t|f|1,234,567|3|f|{c}
(1 row)

> select regexp_replace('the the cat sat sat', '\m(\w+) \1\M', '<\1>', 'g'), regexp_match('aabbcc', '((.)\2)((.)\4)\3'), regexp_match('abcabcabc', '(abc)\1{2}'), regexp_match('abc', '(abc)\1*'), regexp_match('aa', '(b*)a\1a'), regexp_match('ab', '(a)|b\1'), regexp_match('b', '(a){0}b'), regexp_match('a', '(a){0}\1')
regexp_replace|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match
<the> cat <sat>||{abc}|{abc}|{""}|{a}|{NULL}|
(1 row)

> select regexp_match('S', '\123'), regexp_match(' 7', '\407'), regexp_match('a', '[\141]'), regexp_match('aa', '(a)\10'), regexp_match('abcdefghijj', '(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\10')
regexp_match|regexp_match|regexp_match|regexp_match|regexp_match
{S}|{" 7"}|{a}||{a,b,c,d,e,f,g,h,i,j}
(1 row)

> select regexp_match(e'a\nb', '^b', 'n'), regexp_match(e'a\nb', '(a|b)$', 'n'), regexp_match(e'a\nb', 'a(?=$)', 'w'), length(substring(e'ab\ncd', '(?s)(b|b.)c?')), regexp_match(e'ab\ncd', '(b|b.)(c|)', 'n'), regexp_match('a b', '(?x)( a | a\ b ) # both')
regexp_match|regexp_match|regexp_match|length|regexp_match|regexp_match
{b}|{a}|{a}|2|{b,""}|{"a b"}
(1 row)

> select regexp_match('', '(a|)'), regexp_match('', '(?=a)|'), regexp_match('abc', ''), regexp_match('abc', '()'), regexp_match('äöü', '(ä|äö)(.)'), regexp_match('xxyyzz', '(x|xx)(y|yy)(z|zz)'), regexp_match('aaa', '(a*?)(a*)'), regexp_match('aaa', '(a*)(a*?)'), regexp_match('aaa', '(?:a*?){1,1}'), regexp_match('aaa', '(a{1,2}?)+')
regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match|regexp_match
{""}|{""}|{""}|{""}|{äö,ü}|{xx,yy,zz}|{"",""}|{aaa,""}|{aaa}|{a}
(1 row)

> select substring('abcabc' similar '%#"(ab|abc)#"%' escape '#'), substring('aaab' similar 'a+#"(a|ab)*#"' escape '#'), 'abab' similar to '(a|ab)(b|ab)*', 'abc' similar to 'a|abc'
substring|substring|?column?|?column?
abc|aab|t|t
(1 row)

> select regexp_match(repeat('a', 3000) || 'b', '^(a|aa)+b$'), length(substring(repeat('ab', 2000), '((a|ab)(b|ba)?)*')), regexp_match(repeat('a', 50), '^(a+)+$') is not null, regexp_match(repeat('a', 50) || 'c', '^(a|a?)+b$')
regexp_match|length|?column?|regexp_match
{a}|2|t|
(1 row)

> select regexp_match('a', '\1')
ERROR:  2201B: invalid regular expression: invalid backreference number

> select regexp_match('a', '(a\1)')
ERROR:  2201B: invalid regular expression: invalid backreference number

> select regexp_match('a', '(a)(?=\1)')
ERROR:  2201B: invalid regular expression: invalid backreference number

> select regexp_match('a', '(a)\1|(?:b)\2')
ERROR:  2201B: invalid regular expression: invalid backreference number

> select regexp_match('a', '(?=a)*')
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select regexp_match('a', '(?=a')
ERROR:  2201B: invalid regular expression: parentheses () not balanced

> select regexp_match('a', '(?<a)')
ERROR:  2201B: invalid regular expression: quantifier operand invalid

> select regexp_match('a', '\89')
ERROR:  2201B: invalid regular expression: invalid escape \ sequence

> select regexp_match('a', '[\1]')
ERROR:  2201B: invalid regular expression: invalid escape \ sequence

> select regexp_match('a', '(a)\1[b-a]')
ERROR:  2201B: invalid regular expression: invalid character range

> select regexp_match('aa', 'a(?#twice)*')
regexp_match
{aa}
(1 row)

# Hyphens in brackets.
> select regexp_match('5', '[^-a]', 'n'), regexp_replace('1-2 x', '[^-0-9]', '', 'gn'), ',' ~ '^[+--]$' as ended, 'B' ~ '[--a]' as begun, 'b' ~ '[+--a]' as behind, regexp_match('a-c', '[a-c-]+'), regexp_match(']^', '[]-a]+'), regexp_match('+-,', '[+\--]+'), regexp_match('x-', '[\w-]+')
regexp_match|regexp_replace|ended|begun|behind|regexp_match|regexp_match|regexp_match|regexp_match
{5}|1-2|t|t|f|{a-c}|{]^}|{+-}|{x-}
(1 row)

> select regexp_match('b', '[a-c-e]')
ERROR:  2201B: invalid regular expression: invalid character range

> select regexp_match('b', '[[:blank:]-z]')
ERROR:  2201B: invalid regular expression: invalid character range

> select regexp_match('b', '[+-[:punct:]]')
ERROR:  2201B: invalid regular expression: invalid character range

> select regexp_match('b', '[[=a=]-c]')
ERROR:  2201B: invalid regular expression: invalid character range

# Classes of characters beyond ASCII.
> select regexp_replace('día – 日本 «x» 1٣' || chr(160) || chr(7), '[^[:print:]]', '', 'g') = 'día – 日本 «x» 1٣' || chr(160) as print, regexp_match('«é»', '[[:punct:]]+') as punct, regexp_match(' é€ ', '[[:graph:]]+') as graph, '٣' ~ '\d' as digit, '٣' ~ '[^[:digit:]]' as other, '٣' ~ '\w' as word, chr(160) ~ '\s' as fixed, chr(160) ~ '[\S]' as shown, chr(8195) ~ '\s' as space, regexp_match('e' || chr(769), '\w+') = '{e}' as mark, regexp_match('a-b_c d', '[^\W_]+\W[\w]+')
print|punct|graph|digit|other|word|fixed|shown|space|mark|regexp_match
t|{«}|{é€}|f|t|t|f|t|t|t|{a-b_c}
(1 row)

# Classes many times.
> select regexp_replace('write to a.b@c.org, me@example', '\m([\w.]{1,64})@([\w.]{1,253})\M', '<\2>', 'g'), 'x' ~ '^\w{0,255}$' as short, repeat('x', 256) ~ '^\w{0,255}$' as long
regexp_replace|short|long
write to <c.org>, <example>|t|f
(1 row)

# Alternatives and quantifiers that prefer different lengths.
> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('((b){0,2}?){0}||b', 'bbb'), ('((?:)?(?:a+)(){2,})a+()+', 'aabbbab'),
> ('(?:(a|b{2,}a+?a??)()b+)+', 'babbbb'), ('(|a{0,2}a{2,})?b*?', 'babbbbb'),
> ('(?:(b??)?)+b{1,1}?', 'aaaaabb'), ('b?b{1,1}?(a*b|(b))', 'bbaab'), ('|(a*a{1,1}?|b?)*', 'ababb'),
> ('()*a*', 'ab'), ('b*?(b{0,2}a{2,}){1,}?', 'abbaaa'), ('()*?((b{0}b){1,2})', 'bbabab'),
> ('b(?:(a*?a{2,3}?)?b*b){0,2}', 'ba'), ('(?:(?:)(b*?b*|aa{0,2})??)a+?', 'babab')
> ) v(p, t)
p|t|regexp_match|regexp_substr
((b){0,2}?){0}||b|bbb|{NULL,NULL}|b
((?:)?(?:a+)(){2,})a+()+|aabbbab|{a,"",""}|aa
(?:(a|b{2,}a+?a??)()b+)+|babbbb|{a,""}|abbbb
(|a{0,2}a{2,})?b*?|babbbbb|{""}|b
(?:(b??)?)+b{1,1}?|aaaaabb|{NULL}|bb
b?b{1,1}?(a*b|(b))|bbaab|{aab,NULL}|bbaab
|(a*a{1,1}?|b?)*|ababb|{b}|ababb
()*a*|ab|{""}|a
b*?(b{0,2}a{2,}){1,}?|abbaaa|{bbaa}|bbaa
()*?((b{0}b){1,2})|bbabab|{"",b,b}|b
b(?:(a*?a{2,3}?)?b*b){0,2}|ba|{NULL}|b
(?:(?:)(b*?b*|aa{0,2})??)a+?|babab|{b}|ba
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('(?:)??b', 'bbaaa'), ('(){1,2}b|b{2}b*?', 'bb'), ('a*||((ab??b{1,2}){2}){1,1}?', 'abababba'),
> ('a{1,2}a((a{2,3}?)*){2}|a+?', 'bbabb'), ('^(?:(?:(b+?a*?)+?|){2,}ba??)$', 'bbaab'),
> ('b{0}|(a*a){2}b{1,}?a+', 'aababb'), ('(b+)*?b{2,3}?', 'bba'), ('|(?:a{2,3}?(?:ba{1,1}?))|b', 'baa'),
> ('a*|(?:a*|aa|){2,3}?|', 'abaaa'), ('b?(?:a{2,}){1,}?', 'abaaaaba'),
> ('(b{0,2}?|(){0,2})a{0,2}', 'abbbbb'), ('(a??){2,}', 'abaab')
> ) v(p, t)
p|t|regexp_match|regexp_substr
(?:)??b|bbaaa|{b}|b
(){1,2}b|b{2}b*?|bb|{NULL}|bb
a*||((ab??b{1,2}){2}){1,1}?|abababba|{abab,ab}|abab
a{1,2}a((a{2,3}?)*){2}|a+?|bbabb|{NULL,NULL}|a
^(?:(?:(b+?a*?)+?|){2,}ba??)$|bbaab|{NULL}|bbaab
b{0}|(a*a){2}b{1,}?a+|aababb|{a}|aaba
(b+)*?b{2,3}?|bba|{NULL}|bb
|(?:a{2,3}?(?:ba{1,1}?))|b|baa|{b}|b
a*|(?:a*|aa|){2,3}?||abaaa|{a}|a
b?(?:a{2,}){1,}?|abaaaaba|{baaaa}|baaaa
(b{0,2}?|(){0,2})a{0,2}|abbbbb|{"",NULL}|a
(a??){2,}|abaab|{""}|a
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('b{0,2}?|(?:|)+?ab*', 'ababba'), ('b+(?:b+a){2,}b{2,3}?|a?a?', 'aabbbbab'),
> ('a+?|(){1,2}', 'abbba'), ('b{1,}?a{0,2}|b*(){0,2}a{2,}', 'abab'), ('(a{1,}?){1,2}', 'ab'),
> ('^(?:((a*?|bb)+?b+?))$', 'abb'), ('()+(?:a+)+', 'bbbaba'), ('a{2,3}?(?:b{1,}?)', 'aababa'),
> ('(?:(b{0,2}?){2}|(bb{1,2})??)', 'babb'), ('(?:a{0,2})a+|b{1,2}', 'bbbb'),
> ('(b{2,3}?)*?a{1,1}?', 'bbabbbb'), ('((b+a{0,2}a+)*a*)*', 'abbb')
> ) v(p, t)
p|t|regexp_match|regexp_substr
b{0,2}?|(?:|)+?ab*|ababba|{ab}|ab
b+(?:b+a){2,}b{2,3}?|a?a?|aabbbbab|{aa}|aa
a+?|(){1,2}|abbba|{NULL}|a
b{1,}?a{0,2}|b*(){0,2}a{2,}|abab|{NULL}|ba
(a{1,}?){1,2}|ab|{a}|a
^(?:((a*?|bb)+?b+?))$|abb|{abb,a}|abb
()+(?:a+)+|bbbaba|{""}|a
a{2,3}?(?:b{1,}?)|aababa|{aab}|aab
(?:(b{0,2}?){2}|(bb{1,2})??)|babb|{b,NULL}|b
(?:a{0,2})a+|b{1,2}|bbbb|{bb}|bb
(b{2,3}?)*?a{1,1}?|bbabbbb|{bb}|bba
((b+a{0,2}a+)*a*)*|abbb|{a,NULL}|a
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('a|(a(b+)*?){1,1}?', 'baaba'), ('a(|b*){1,2}', 'bbaaa'), ('((|a{1,2}){1,}?a?){1,2}|', 'ababa'),
> ('|b{1,}?|b+?(a+?(?:a){2})+', 'baab'), ('^(?:(b+?||(?:a+?){1,1}?){2,})$', 'bbaabbaa'),
> ('b(a+?(a?b)b+?||(aa*|){2})b*', 'bba'), ('a*?|b{1,1}?a?(?:(?:b{2,}))', 'ab'),
> ('(?:b{1,}?)|a*?|a{1,2}', 'bb'), ('b((b*b{0,2})*(b{1,}?b){2,})?', 'ab'),
> ('(?:b{2,}|a(a+?b+?){0,2})+|', 'aaba'), ('(?:b{0,2}){1,2}', 'babbbbaa'),
> ('^(?:|b*?((a{0,2}?b+|a)*?){1,2}|)$', 'aabbbb')
> ) v(p, t)
p|t|regexp_match|regexp_substr
a|(a(b+)*?){1,1}?|baaba|{NULL,NULL}|a
a(|b*){1,2}|bbaaa|{""}|a
((|a{1,2}){1,}?a?){1,2}||ababa|{"",""}|a
|b{1,}?|b+?(a+?(?:a){2})+|baab|{NULL}|b
^(?:(b+?||(?:a+?){1,1}?){2,})$|bbaabbaa|{""}|bbaabbaa
b(a+?(a?b)b+?||(aa*|){2})b*|bba|{"",NULL,NULL}|bb
a*?|b{1,1}?a?(?:(?:b{2,}))|ab|{a}|a
(?:b{1,}?)|a*?|a{1,2}|bb|{bb}|bb
b((b*b{0,2})*(b{1,}?b){2,})?|ab|{NULL,NULL,NULL}|b
(?:b{2,}|a(a+?b+?){0,2})+||aaba|{NULL}|aaba
(?:b{0,2}){1,2}|babbbbaa|{b}|b
^(?:|b*?((a{0,2}?b+|a)*?){1,2}|)$|aabbbb|{"",NULL}|aabbbb
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('(|b{1,1}?a??){2}(?:)*?a+', 'aabaaaab'), ('|a{1,2}|(|a{0}){2,3}?', 'abaabbb'),
> ('((|b{0}b+?){2})*a*?b*', 'baa'), ('||(?:b){0,2}', 'babaabba'), ('(?:b(?:a{2})+b*?)', 'bbbabaa'),
> ('(?:b{2,}(b+||b+)*?){0,2}?|', 'bb'), ('b(a|){1,}?', 'aaaba'), ('((?:a{1,}?)+|b{1,1}?)+?', 'ab'),
> ('(b{1,}?a{0,2}?|b)+', 'bbabbbab'), ('b{0,2}b|a|()?a*?', 'abbaaaab'),
> ('((a+|){2}){0}a{1,2}|a{0}a', 'ab'), ('(?:)+|a*', 'aaaab')
> ) v(p, t)
p|t|regexp_match|regexp_substr
(|b{1,1}?a??){2}(?:)*?a+|aabaaaab|{""}|aa
|a{1,2}|(|a{0}){2,3}?|abaabbb|{NULL}|a
((|b{0}b+?){2})*a*?b*|baa|{b,""}|baa
||(?:b){0,2}|babaabba|{b}|b
(?:b(?:a{2})+b*?)|bbbabaa|{baa}|baa
(?:b{2,}(b+||b+)*?){0,2}?||bb|{""}|bb
b(a|){1,}?|aaaba|{""}|b
((?:a{1,}?)+|b{1,1}?)+?|ab|{a}|a
(b{1,}?a{0,2}?|b)+|bbabbbab|{b}|bbabbbab
b{0,2}b|a|()?a*?|abbaaaab|{NULL}|a
((a+|){2}){0}a{1,2}|a{0}a|ab|{NULL,NULL}|a
(?:)+|a*|aaaab|{aaaa}|aaaa
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('(a{0}b?|b{1,1}?b+b*?)*b{1,}?', 'abbbb'), ('(b?){0,2}?|a{1,}?', 'aaba'),
> ('((a+)+?){0,2}b{1,}?', 'bbaaaa'), ('a|(?:(b+?b{2,}b+?){1,1}?b*?)', 'babbbb'),
> ('b+?((?:aa+?|a+))', 'bab'), ('(?:a{1,}?)?', 'aababb'), ('(){1,1}?b', 'babab'), ('(|a?){2,}', 'ab'),
> ('b+?((b*b?){2,3}?)', 'aaaaabab'), ('b{1,2}b*|(b*?|(bb)??){1,2}a', 'aab'),
> ('(?:a{0,2}b*|ba*|a{2,3}?b)?', 'ab'), ('(?:|(?:a{1,1}?|a{0,2})b)+', 'bba')
> ) v(p, t)
p|t|regexp_match|regexp_substr
(a{0}b?|b{1,1}?b+b*?)*b{1,}?|abbbb|{bbb}|bbbb
(b?){0,2}?|a{1,}?|aaba|{NULL}|aa
((a+)+?){0,2}b{1,}?|bbaaaa|{NULL,NULL}|bb
a|(?:(b+?b{2,}b+?){1,1}?b*?)|babbbb|{NULL}|a
b+?((?:aa+?|a+))|bab|{a}|ba
(?:a{1,}?)?|aababb|{aa}|aa
(){1,1}?b|babab|{""}|b
(|a?){2,}|ab|{""}|a
b+?((b*b?){2,3}?)|aaaaabab|{"",""}|b
b{1,2}b*|(b*?|(bb)??){1,2}a|aab|{"",NULL}|a
(?:a{0,2}b*|ba*|a{2,3}?b)?|ab|{ab}|ab
(?:|(?:a{1,1}?|a{0,2})b)+|bba|{bb}|bb
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('a(b{1,1}?|b{1,2})??(b??){0}', 'bbaaba'), ('a(a*b{2}|)', 'bbbbabab'), ('a*?(aa){1,2}', 'aaabbb'),
> ('b{1,2}(?:)*?', 'bababbbb'), ('((){0}b{1,}?)a*?', 'babbbba'), ('^(?:(?:|(a?a*?){0})*?a+)$', 'aa'),
> ('b{0}(b{0,2}?a{1,}?|a{2,})', 'abbbaaaa'), ('(?:a+)?', 'aa'), ('b??a*|()b*', 'bb'),
> ('((a??|b?){1,1}?a){1,}?a??', 'abaa'), ('a{1,}?a((?:)??)*', 'bbaa'), ('b+?|(?:a?b{2}){1,}?', 'aba')
> ) v(p, t)
p|t|regexp_match|regexp_substr
a(b{1,1}?|b{1,2})??(b??){0}|bbaaba|{NULL,NULL}|a
a(a*b{2}|)|bbbbabab|{""}|a
a*?(aa){1,2}|aaabbb|{aa}|aa
b{1,2}(?:)*?|bababbbb|{b}|b
((){0}b{1,}?)a*?|babbbba|{b,NULL}|b
^(?:(?:|(a?a*?){0})*?a+)$|aa|{NULL}|aa
b{0}(b{0,2}?a{1,}?|a{2,})|abbbaaaa|{a}|a
(?:a+)?|aa|{aa}|aa
b??a*|()b*|bb|{""}|bb
((a??|b?){1,1}?a){1,}?a??|abaa|{a,""}|a
a{1,}?a((?:)??)*|bbaa|{NULL}|aa
b+?|(?:a?b{2}){1,}?|aba|{b}|b
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('(b?a){0}a*a{2,}|b{1,2}b{1,}?', 'bbabb'), ('(a{0}(b??){0,2}){0,2}a', 'babb'),
> ('^(?:(){2,})$', 'abbaba'), ('^(?:((a?a|){1,2}){2,3}?)$', 'aabb'),
> ('^(?:(()(b{0,2}?){0,2}?)+b*?)$', 'aaaabb'), ('b(|b{2,}){2,}a{2}', 'aaaabb'),
> ('^(?:a*(?:a+?){1,2})$', 'babb'), ('^(?:(a{1,1}?|(){0,2}?){1,1}?|a+?)$', 'abababbb'),
> ('a(b*(ab?|a{2,}){2,3}?){2}|bb', 'aa'), ('^(?:|(?:a{1,1}?)?)$', 'bbaba'),
> ('^(?:b{0}()+|)$', 'baaaaa')
> ) v(p, t)
p|t|regexp_match|regexp_substr
(b?a){0}a*a{2,}|b{1,2}b{1,}?|bbabb|{NULL}|bb
(a{0}(b??){0,2}){0,2}a|babb|{b,b}|ba
^(?:(){2,})$|abbaba||
^(?:((a?a|){1,2}){2,3}?)$|aabb||
^(?:(()(b{0,2}?){0,2}?)+b*?)$|aaaabb||
b(|b{2,}){2,}a{2}|aaaabb||
^(?:a*(?:a+?){1,2})$|babb||
^(?:(a{1,1}?|(){0,2}?){1,1}?|a+?)$|abababbb||
a(b*(ab?|a{2,}){2,3}?){2}|bb|aa||
^(?:|(?:a{1,1}?)?)$|bbaba||
^(?:b{0}()+|)$|baaaaa||
(11 rows)

# Back references.
> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('^(?:b{2,}()*?||\1*?b)$', 'bb'), ('.(b{2,}(b){0}\2+?){0}', 'baa'),
> ('(.??(b{1,}?)?)*?|a{1,}?\2', 'abbba'), ('(|){2}((a+\1+?.{0,2}){1,}?)+', 'abbb'),
> ('|a((.b){0}(\2{2}|)b*){0,2}', 'aaabab'), ('|(b{2,3}?)*?|\1{0}a{1,}?a{2}', 'bbb'),
> ('(.??)+\1+', 'abababaa'), ('(?:b)*|((?:|){2}){2,}\1{0,2}', 'ba'),
> ('(?:a|(a{1,}?)?\1b?){0,2}', 'aabbabaa'), ('(?:(b??|a){2})+\1{1,}?', 'babbb'),
> ('((a?|b{0}b)*(b+\2{2})?){1,2}', 'aabababb'), ('(b?){1,2}(\1{2}){0,2}?||', 'bbabbaaa')
> ) v(p, t)
p|t|regexp_match|regexp_substr
^(?:b{2,}()*?||\1*?b)$|bb|{""}|bb
.(b{2,}(b){0}\2+?){0}|baa|{NULL,NULL}|b
(.??(b{1,}?)?)*?|a{1,}?\2|abbba|{a,NULL}|abbba
(|){2}((a+\1+?.{0,2}){1,}?)+|abbb|{"",abb,abb}|abb
|a((.b){0}(\2{2}|)b*){0,2}|aaabab|{"",NULL,""}|a
|(b{2,3}?)*?|\1{0}a{1,}?a{2}|bbb|{bbb}|bbb
(.??)+\1+|abababaa|{""}|abababaa
(?:b)*|((?:|){2}){2,}\1{0,2}|ba|{NULL}|b
(?:a|(a{1,}?)?\1b?){0,2}|aabbabaa|{a}|aab
(?:(b??|a){2})+\1{1,}?|babbb|{""}|babbb
((a?|b{0}b)*(b+\2{2})?){1,2}|aabababb|{aabababb,b,NULL}|aabababb
(b?){1,2}(\1{2}){0,2}?|||bbabbaaa|{b,NULL}|bb
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('^(?:((a*b*a*|a+?)){1,}?\1?)$', 'abaa'), ('(a)*|\1+?\1{1,2}', 'aaabba'),
> ('b+|.{0,2}?(a)+?|\1{0,2}', 'bbabb'), ('(a{2,}){1,2}|(\1?.|\1{0})?', 'aaaa'),
> ('(bb{2,3}?)*?\1b+?|.{0,2}?', 'aabaaa'), ('|b+?|(b{0})+\1', 'bbaa'),
> ('.+?|a((a){0}\2{1,2})a+?', 'abbaaa'), ('b*(()?b{1,1}?|\2)', 'bbabaab'), ('(|)*\1??.+', 'baab'),
> ('b??(b+|.{1,2})|\1{0}', 'aa'), ('(.(?:a?|b){0})??\1??', 'abbb'),
> ('^(?:(?:(b{1,}?)*?\1{2}.|.{2})+?)$', 'bbbbba')
> ) v(p, t)
p|t|regexp_match|regexp_substr
^(?:((a*b*a*|a+?)){1,}?\1?)$|abaa|{abaa,abaa}|abaa
(a)*|\1+?\1{1,2}|aaabba|{a}|aaa
b+|.{0,2}?(a)+?|\1{0,2}|bbabb|{a}|bba
(a{2,}){1,2}|(\1?.|\1{0})?|aaaa|{aa,NULL}|aaaa
(bb{2,3}?)*?\1b+?|.{0,2}?|aabaaa|{NULL}|aa
|b+?|(b{0})+\1|bbaa|{NULL}|bb
.+?|a((a){0}\2{1,2})a+?|abbaaa|{NULL,NULL}|abbaaa
b*(()?b{1,1}?|\2)|bbabaab|{b,""}|bb
(|)*\1??.+|baab|{""}|baab
b??(b+|.{1,2})|\1{0}|aa|{aa}|aa
(.(?:a?|b){0})??\1??|abbb|{a}|a
^(?:(?:(b{1,}?)*?\1{2}.|.{2})+?)$|bbbbba|{b}|bbbbba
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('(a*(a??a{0,2})+|)??|\1{2,}', 'abaaba'), ('b{1,}?.?|(.){0,2}?|\1{2}b*', 'aaaba'),
> ('(a{2,}){2}|(\1*(a*|a){1,}?.)', 'aaaab'), ('(b{1,1}?)+\1{2,}', 'baabbb'),
> ('(){2,3}?\1{0,2}?|\1|b{1,2}', 'bbba'), ('.+?|(b{0,2}?){1,}?a{2,}\1{0}', 'ba'),
> ('(?:(b?a)*)*?a*?(?:\1+){2,3}?', 'aaabbb'), ('(b)|(?:.{2,}()+?|\2{0}){1,}?', 'bbaba'),
> ('(|(?:)+(.{1,2}|)+?){2}\1*?', 'babba'), ('(a{1,1}?)\1?\1*?', 'abaabab'),
> ('(.+b){1,1}?\1*', 'abbabb'), ('|(.{1,2})\1{0,2}?', 'bab')
> ) v(p, t)
p|t|regexp_match|regexp_substr
(a*(a??a{0,2})+|)??|\1{2,}|abaaba|{a,""}|a
b{1,}?.?|(.){0,2}?|\1{2}b*|aaaba|{a}|aa
(a{2,}){2}|(\1*(a*|a){1,}?.)|aaaab|{aa,NULL,NULL}|aaaa
(b{1,1}?)+\1{2,}|baabbb|{b}|bbb
(){2,3}?\1{0,2}?|\1|b{1,2}|bbba|{NULL}|bb
.+?|(b{0,2}?){1,}?a{2,}\1{0}|ba|{NULL}|ba
(?:(b?a)*)*?a*?(?:\1+){2,3}?|aaabbb|{a}|aaa
(b)|(?:.{2,}()+?|\2{0}){1,}?|bbaba|{NULL,""}|bbaba
(|(?:)+(.{1,2}|)+?){2}\1*?|babba|{"",NULL}|babba
(a{1,1}?)\1?\1*?|abaabab|{a}|a
(.+b){1,1}?\1*|abbabb|{ab}|ab
|(.{1,2})\1{0,2}?|bab|{ba}|ba
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('(a{0,2}|)b*?\1*', 'aaabaaaa'), ('(.{1,}?){2,}\1{1,2}', 'baaaabaa'),
> ('(){1,2}|a??|\1+?', 'abbbabb'), ('(.+?.{0,2}?a*?){0,2}?\1?\1', 'bbbaa'),
> ('(.??b*?){0,2}\1{0,2}?', 'ab'), ('(?:b+?()??)|\1{0,2}(a?a{2})+', 'bb'),
> ('(a+?a??.{2})*|a+?\1{2}', 'aababb'), ('(.()+?|b{1,}?\2{1,1}?){1,2}', 'bbbab'),
> ('.?()+\1{2}', 'abbaa'), ('((a{0}||)(?:b)|\2+())\1a*', 'babaabba'),
> ('.(|b{2,}){1,1}?|\1{1,2}', 'baa'), ('b{1,2}|()\1*', 'babb')
> ) v(p, t)
p|t|regexp_match|regexp_substr
(a{0,2}|)b*?\1*|aaabaaaa|{a}|aaa
(.{1,}?){2,}\1{1,2}|baaaabaa|{a}|baaaabaa
(){1,2}|a??|\1+?|abbbabb|{NULL}|a
(.+?.{0,2}?a*?){0,2}?\1?\1|bbbaa|{b}|bb
(.??b*?){0,2}\1{0,2}?|ab|{b}|ab
(?:b+?()??)|\1{0,2}(a?a{2})+|bb|{"",NULL}|bb
(a+?a??.{2})*|a+?\1{2}|aababb|{abb}|aababb
(.()+?|b{1,}?\2{1,1}?){1,2}|bbbab|{b,""}|bb
.?()+\1{2}|abbaa|{""}|a
((a{0}||)(?:b)|\2+())\1a*|babaabba|{b,"",NULL}|bba
.(|b{2,}){1,1}?|\1{1,2}|baa|{""}|b
b{1,2}|()\1*|babb|{NULL}|b
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('.{2}(.{1,2})\1{0,2}?|\1', 'abab'), ('a+((?:|b){0})+\1||', 'abba'),
> ('(?:.*?a{2,}){1,1}?|(|)*\1?', 'baab'), ('a+|(|(?:a*?.|.?){0}){0,2}|\1', 'abb'),
> ('((|){2,}.+|\2)\2', 'babbbbb'), ('a(b??|)|\1+?', 'abaa'), ('^(?:(.{0,2}?.+?.)*?\1|\1+)$', 'ab'),
> ('(?:(a{2}.)?(\1{2}b)+?){1,2}', 'ba'), ('a{2,}((?:ba){1,}?)\1{0,2}', 'bbbab'),
> ('^(?:(b*)\1{0,2}\1{1,1}?)$', 'aaaba'), ('((b*?|b+b{0,2})?\2+?){0}aa+?', 'baba'),
> ('^(?:b{1,1}?(|.{2})+\1*)$', 'aabbbba')
> ) v(p, t)
p|t|regexp_match|regexp_substr
.{2}(.{1,2})\1{0,2}?|\1|abab|{ab}|abab
a+((?:|b){0})+\1|||abba|{""}|a
(?:.*?a{2,}){1,1}?|(|)*\1?|baab|{NULL}|baa
a+|(|(?:a*?.|.?){0}){0,2}|\1|abb|{NULL}|a
((|){2,}.+|\2)\2|babbbbb|{babbbbb,""}|babbbbb
a(b??|)|\1+?|abaa|{b}|ab
^(?:(.{0,2}?.+?.)*?\1|\1+)$|ab||
(?:(a{2}.)?(\1{2}b)+?){1,2}|ba||
a{2,}((?:ba){1,}?)\1{0,2}|bbbab||
^(?:(b*)\1{0,2}\1{1,1}?)$|aaaba||
((b*?|b+b{0,2})?\2+?){0}aa+?|baba||
^(?:b{1,1}?(|.{2})+\1*)$|aabbbba||
(12 rows)

# Lookaround.
> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('(?=.(b+?){2,}b{1,2}).{1,1}?', 'bbbbab'), ('(?=ab{0})(){0,2}a', 'aaaaaaba'),
> ('a{2,}(?<=b*?a{2})b+', 'babaabba'), ('(?=a)|b{1,1}?', 'bbbbbbaa'),
> ('(?<=a*?a{1,2}|a+)a+?', 'bbaabaaa'), ('(?<=b{0,2}?)|.{1,2}', 'aaa'),
> ('b{1,2}a{1,2}||(?=b|b?)', 'bba'), ('|(?=.*)b{2}', 'bbb'), ('a((aa{2}){0}(?=a)|.{2,})|', 'abab'),
> ('(?=b{0,2}?|)(())+?b', 'abbbbb'), ('(?<!|a+b{1,1}?)|b{1,}?(?:)', 'bbb'),
> ('(?<=a??(){2,}).', 'baba')
> ) v(p, t)
p|t|regexp_match|regexp_substr
(?=.(b+?){2,}b{1,2}).{1,1}?|bbbbab|{b}|b
(?=ab{0})(){0,2}a|aaaaaaba|{""}|a
a{2,}(?<=b*?a{2})b+|babaabba|{aabb}|aabb
(?=a)|b{1,1}?|bbbbbbaa|{b}|b
(?<=a*?a{1,2}|a+)a+?|bbaabaaa|{a}|a
(?<=b{0,2}?)|.{1,2}|aaa|{aa}|aa
b{1,2}a{1,2}||(?=b|b?)|bba|{bba}|bba
|(?=.*)b{2}|bbb|{bb}|bb
a((aa{2}){0}(?=a)|.{2,})||abab|{bab,NULL}|abab
(?=b{0,2}?|)(())+?b|abbbbb|{"",""}|b
(?<!|a+b{1,1}?)|b{1,}?(?:)|bbb|{bbb}|bbb
(?<=a??(){2,}).|baba|{b}|b
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('a|(?<=)(?<=a{0}(.+)?a{1,1}?)', 'abbab'), ('(?=b{1,2}|)a{0,2}?|a{1,}?b+', 'abbab'),
> ('b+?(?<=a*)', 'aabaaaa'), ('a+|(?<=).{1,}?a|', 'abb'), ('|.?(b+|(a{2,}b??))?|(?=)', 'aab'),
> ('.{1,1}?(?=a{1,}?|a{0,2}?)', 'aaabbab'), ('(?<!a??)|(.*)', 'aabbab'),
> ('(a?(?!a+?)).{0,2}', 'aaaaa'), ('((?<=).{2,}|){0,2}', 'bab'), ('((?<!b+|b{2,}))bb{0,2}?', 'bbba'),
> ('((?<=b{0}a+|a*.))|a??.+', 'abababab'), ('(?<=.a{0,2})b+?|b|a{0,2}?', 'bb')
> ) v(p, t)
p|t|regexp_match|regexp_substr
a|(?<=)(?<=a{0}(.+)?a{1,1}?)|abbab|{a}|a
(?=b{1,2}|)a{0,2}?|a{1,}?b+|abbab|{abb}|abb
b+?(?<=a*)|aabaaaa|{b}|b
a+|(?<=).{1,}?a||abb|{a}|a
|.?(b+|(a{2,}b??))?|(?=)|aab|{aab,aab}|aab
.{1,1}?(?=a{1,}?|a{0,2}?)|aaabbab|{a}|a
(?<!a??)|(.*)|aabbab|{aabbab}|aabbab
(a?(?!a+?)).{0,2}|aaaaa|{a}|a
((?<=).{2,}|){0,2}|bab|{bab}|bab
((?<!b+|b{2,}))bb{0,2}?|bbba|{""}|b
((?<=b{0}a+|a*.))|a??.+|abababab|{NULL}|abababab
(?<=.a{0,2})b+?|b|a{0,2}?|bb|{b}|b
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('^(?:|.+(?!b{1,2}))$', 'bbaabaa'), ('(?<!b|)()|b', 'ababaaba'), ('b{1,}?|(?!a+b*a*)(?<=|)', 'abba'),
> ('.{1,}?b+|((?<=aa|b?)){1,}?', 'baaaabb'), ('(?=aa+)|(?=|(.{2})+a{1,}?)b*', 'baa'),
> ('(?<!b{1,}?ab)|a{0,2}?', 'aaabb'), ('(a|b|(?<!.?b{0,2}a)).+', 'abb'),
> ('(?!(ba)*.{2}b)b{1,1}?', 'baabbba'), ('(?<=b{1,1}?)|(){0}|a+', 'aaabb'), ('b(?=|b?)', 'ababaab'),
> ('a(?:.+?(?<=a{2,3}?)|){1,}?', 'bbaaab'), ('a{0,2}?|(?<!|()??|)|a+?', 'abaab')
> ) v(p, t)
p|t|regexp_match|regexp_substr
^(?:|.+(?!b{1,2}))$|bbaabaa|{bbaabaa}|bbaabaa
(?<!b|)()|b|ababaaba|{NULL}|b
b{1,}?|(?!a+b*a*)(?<=|)|abba|{bb}|bb
.{1,}?b+|((?<=aa|b?)){1,}?|baaaabb|{NULL}|baaaabb
(?=aa+)|(?=|(.{2})+a{1,}?)b*|baa|{b}|b
(?<!b{1,}?ab)|a{0,2}?|aaabb|{aa}|aa
(a|b|(?<!.?b{0,2}a)).+|abb|{a}|abb
(?!(ba)*.{2}b)b{1,1}?|baabbba|{b}|b
(?<=b{1,1}?)|(){0}|a+|aaabb|{NULL}|aaa
b(?=|b?)|ababaab|{b}|b
a(?:.+?(?<=a{2,3}?)|){1,}?|bbaaab|{a}|a
a{0,2}?|(?<!|()??|)|a+?|abaab|{a}|a
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('b+?|()??b{2}|(?=b)', 'bb'), ('(?:(?!.)|a{0,2}?|)+', 'aabbbbaa'),
> ('.()|(){0}.+?((?!.{0}a{0}b))|', 'abbaaba'), ('^(?:.?|.??(a{1,1}?.?|(?!))??|)$', 'ba'),
> ('b{1,2}(?=a.??)|(b+?){0,2}?', 'bbab'), ('(?:|a{1,2})(?!)|b{1,2}', 'bbbbbaba'),
> ('(a)+?a(?<=)', 'baaa'), ('(?!)|.{1,2}b{1,2}|(|(?<!))*?', 'ababa'), ('(?=|(a)?)b{1,2}', 'bbbaaa'),
> ('(?<=||)|b+|a?', 'bbbb'), ('.(?<=|(a{2,3}?a{0,2}b|))', 'abbabb'), ('aa|(?!a+a{0})|()+?', 'aaa')
> ) v(p, t)
p|t|regexp_match|regexp_substr
b+?|()??b{2}|(?=b)|bb|{NULL}|bb
(?:(?!.)|a{0,2}?|)+|aabbbbaa|{aa}|aa
.()|(){0}.+?((?!.{0}a{0}b))||abbaaba|{NULL,NULL,""}|abbaaba
^(?:.?|.??(a{1,1}?.?|(?!))??|)$|ba|{a}|ba
b{1,2}(?=a.??)|(b+?){0,2}?|bbab|{NULL}|bb
(?:|a{1,2})(?!)|b{1,2}|bbbbbaba|{bb}|bb
(a)+?a(?<=)|baaa|{a}|aa
(?!)|.{1,2}b{1,2}|(|(?<!))*?|ababa|{NULL}|ab
(?=|(a)?)b{1,2}|bbbaaa|{bb}|bb
(?<=||)|b+|a?|bbbb|{bbbb}|bbbb
.(?<=|(a{2,3}?a{0,2}b|))|abbabb|{a}|a
aa|(?!a+a{0})|()+?|aaa|{NULL}|aa
(12 rows)

> select p, t, regexp_match(t, p), regexp_substr(t, p) from (values
> ('a{1,1}?|(?=)', 'aaaabb'), ('b|(?<!a+||)', 'bb'), ('|b{0,2}(?=)', 'bbabaab'),
> ('(?<!(b)a?()??)(){2}b{1,2}', 'bbbbaaaa'), ('(b{2,}(.?){2,})()+(?=)', 'bbbabb'),
> ('a*|(?<=)b+?', 'aa'), ('^(?:|b{2,3}?a??(?!b))$', 'bbbabab'), ('(?<!b?)', 'bb'),
> ('^(?:a+(?=(?:b+?)??)b)$', 'baa'), ('^(?:(?!.??)|((){0}|()){1,1}?a+|)$', 'bbaabaaa'),
> ('^(?:|(?<!|(?:a??|b{2,})?|b{0}))$', 'abbbaab'), ('(?<!.?)', 'aaa')
> ) v(p, t)
p|t|regexp_match|regexp_substr
a{1,1}?|(?=)|aaaabb|{a}|a
b|(?<!a+||)|bb|{b}|b
|b{0,2}(?=)|bbabaab|{bb}|bb
(?<!(b)a?()??)(){2}b{1,2}|bbbbaaaa|{""}|bb
(b{2,}(.?){2,})()+(?=)|bbbabb|{bbbabb,"",""}|bbbabb
a*|(?<=)b+?|aa|{aa}|aa
^(?:|b{2,3}?a??(?!b))$|bbbabab||
(?<!b?)|bb||
^(?:a+(?=(?:b+?)??)b)$|baa||
^(?:(?!.??)|((){0}|()){1,1}?a+|)$|bbaabaaa||
^(?:|(?<!|(?:a??|b{2,})?|b{0}))$|abbbaab||
(?<!.?)|aaa||
(12 rows)
