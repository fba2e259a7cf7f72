/* SPDX-License-Identifier: Apache-2.0 */
/* Every setting of the table: good values, and what each kind of wrong one is told. */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/table.h"

#define LABEL_61 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg"
/* A domain of 252 octets that lacks the last. */
#define DOMAIN_251 LABEL_61 "h." LABEL_61 "h." LABEL_61 "h." LABEL_61 "."

/* A statement in its block, and the first error it gives; "" where there is none. */
static const struct {
	const char *block, *statement, *want;
} cases[] = {
	/* outside of blocks */
	{ "", "profile mx", "" },
	{ "", "profile mxx", "'mxx' is not one of none, satellite, office, mx, submission or outbound; did you mean 'mx'?" },
	{ "", "profile mx office", "'profile' takes one value" },
	{ "", "hostname a.example", "" },
	{ "", "hostname a..example", "'a..example' is not a host name" },
	{ "", "hostname -a.example", "'-a.example' is not a host name" },
	{ "", "hostname \"\"", "'' is not a host name" },
	{ "", "hostname", "'hostname' needs a value" },
	{ "", "hostname a b", "'hostname' takes one value" },
	{ "", "hostnme a", "unknown word 'hostnme'; did you mean 'hostname'?" },
	{ "", "postmaster nobody", "'nobody' is not an address; write name@example.com" },
	{ "", "postmaster a@b@c", "'a@b@c' is not an address; write name@example.com" },
	{ "", "postmaster a..b@c", "'a..b@c' is not an address; write name@example.com" },
	{ "", "postmaster a.@c", "'a.@c' is not an address; write name@example.com" },
	{ "", "postmaster @c", "'@c' is not an address; write name@example.com" },
	{ "", "state /a", "" },
	{ "", "state a", "'a' is a relative path; paths begin with /" },
	{ "", "state { }", "'state' needs a value" },
	{ "", "state /a { b }", "this '{' follows nothing that takes a block" },
	{ "", "runtime /run", "" },
	{ "", "runtime /0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
	  "the path is longer than 80 bytes" },
	{ "", "transfer drain", "" },
	{ "", "transfer maybe", "'maybe' is not one of both, in, out or drain" },
	{ "", "vrfy on", "" },
	{ "", "vrfy yes", "'yes' is not one of off, on or authenticated" },
	{ "", "expn authenticated", "" },
	{ "", "include \"\"", "'include' takes one file name or pattern" },
	{ "", "include a b", "'include' takes one file name or pattern" },
	{ "", "inclde a", "unknown word 'inclde'; did you mean 'include'?" },
	{ "", "hops 5", "unknown word 'hops'; it belongs inside 'limit { }'" },
	{ "", "zzzzzzzz", "unknown word 'zzzzzzzz'" },
	{ "", "\"hostname\" a", "a statement begins with a word, not with a string" },
	{ "", "{ a }", "a block needs a word in front of its '{'" },
	{ "", "}", "this '}' closes nothing" },
	{ "", "state \"/a", "a string has no closing quote in its line" },
	{ "", "spool", "'spool' needs a block, and its '{' in this line" },
	{ "", "spool a { }", "'spool' takes a block and no value: spool { }" },
	{ "", "spool {", "this '{' has no '}'" },
	{ "", "zzz {", "unknown word 'zzz'" },
	/* spool */
	{ "spool", "path /a", "" },
	{ "spool", "path a", "'a' is a relative path; paths begin with /" },
	{ "spool", "min-free 1G", "" },
	{ "spool", "min-free 1", "'1' is out of range: min-free is 1M to 1048576G" },
	{ "spool", "min-free 1X", "'1X' is not a size; sizes are written 4096 64K 50M 2G" },
	{ "spool", "min-free M", "'M' is not a size; sizes are written 4096 64K 50M 2G" },
	{ "spool", "min-free -1", "'-1' is not a size; sizes are written 4096 64K 50M 2G" },
	{ "spool", "min-free 99999999999999999999G", "'99999999999999999999G' is out of range: min-free is 1M to 1048576G" },
	{ "spool", "minfree 1G", "unknown word 'minfree'; did you mean 'min-free'?" },
	{ "spool", "hostname a", "unknown word 'hostname'; it belongs outside of blocks" },
	{ "spool", "include x", "'include' belongs outside of blocks" },
	{ "spool", "path /a; path /b", "'path' is set a second time; first at t.conf:1" },
	{ "spool", "path /a }\nspool { path /a", "'path' is set a second time; first at t.conf:1" },
	/* log */
	{ "log", "file /a", "" },
	{ "log", "file \"a b\"", "'a b' is a relative path; paths begin with /" },
	{ "log", "format json", "" },
	{ "log", "format xml", "'xml' is not one of text, json or postfix" },
	{ "log", "level smtp medium; level spool none", "" },
	{ "log", "level smtp medium; level smtp none", "the level of 'smtp' is set twice" },
	{ "log", "level smpt medium", "unknown category 'smpt'; did you mean 'smtp'?" },
	{ "log", "level qqqqqqq medium", "unknown category 'qqqqqqq'" },
	{ "log", "level smtp", "'level' takes a category and a level" },
	{ "log", "level", "'level' needs a value" },
	{ "log", "level smtp medium maximum", "'level' takes a category and a level" },
	{ "log", "level smtp loud", "'loud' is not one of none, minimum, medium or maximum" },
	/* track */
	{ "track", "on", "" },
	{ "track", "off; keep 2w", "" },
	{ "track", "on; off", "'off' is set a second time; first at t.conf:1" },
	{ "track", "on 5", "'on' takes no value" },
	{ "track", "keep 1m", "'1m' is out of range: keep is 1h to 3660d" },
	{ "track", "keep 90", "'90' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "track", "keep 1h30m", "'1h30m' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "", "track off keep 3d", "" },
	{ "", "track off on", "'on' is set a second time; first at t.conf:1" },
	{ "", "track of", "unknown word 'of'; it belongs inside 'rate { }'" },
	{ "", "track off keep", "'keep' needs a value" },
	{ "", "track", "'track' needs a block, and its '{' in this line" },
	/* pacing */
	{ "", "pacing-profile none", "" },
	{ "", "pacing-profile 2025-01", "'2025-01' is not one of 2026-11 or none; did you mean '2026-11'?" },
	{ "pacing p", "match a.example; mx .b.example; connections 100000", "" },
	{ "pacing p", "mx a.example; connections 100001", "'100001' is out of range: connections is 0 to 100000" },
	{ "pacing p", "mx a.example; rate 10000000/30d", "" },
	{ "pacing p", "mx a.example; rate 5", "'5' is not a rate; rates are written 100/1h" },
	{ "pacing p", "mx a.example; connection-rate 1/0s",
		"'1/0s' is out of range: connection-rate is 1 to 10000000 in 1s to 30d, or 0" },
	{ "pacing p", "mx a.example; messages-per-connection 1000001",
		"'1000001' is out of range: messages-per-connection is 0 to 1000000" },
	{ "pacing p", "mx a.example; recipients 10001", "'10001' is out of range: recipients is 0 to 10000" },
	/* limit */
	{ "limit", "message-size 64K", "" },
	{ "limit", "message-size 63K", "'63K' is out of range: message-size is 64K to 2G" },
	{ "limit", "message-size big", "'big' is not a size; sizes are written 4096 64K 50M 2G" },
	{ "limit", "recipients 100", "" },
	{ "limit", "recipients 99", "'99' is out of range: recipients is 100 to 100000" },
	{ "limit", "recipients 1K", "'1K' is not a number" },
	{ "limit", "connections { in 1; per-host 1 }", "" },
	{ "limit", "connections { in 0 }", "'0' is out of range: in is 1 to 1000000" },
	{ "limit", "connections { per-host x }", "'x' is not a number" },
	{ "limit", "connections { out 1; per-destination 1 }", "" },
	{ "limit", "connections { out 0 }", "'0' is out of range: out is 1 to 1000000" },
	{ "limit", "connections { per-destination 0 }", "'0' is out of range: per-destination is 1 to 1000000" },
	{ "limit", "connections { off 1 }", "unknown word 'off'; it belongs inside 'track { }'" },
	{ "limit", "recipients-per-transaction 1", "" },
	{ "limit", "recipients-per-transaction 10001", "'10001' is out of range: recipients-per-transaction is 1 to 10000" },
	{ "limit", "connections 5", "'connections' takes a block and no value: connections { }" },
	{ "limit", "messages-per-connection 0", "" },
	{ "limit", "messages-per-connection 1000001", "'1000001' is out of range: messages-per-connection is 0 to 1000000" },
	{ "limit", "hops 10", "" },
	{ "limit", "hops 9", "'9' is out of range: hops is 10 to 1000" },
	{ "limit", "own-hops 1", "" },
	{ "limit", "own-hops 0", "'0' is out of range: own-hops is 1 to 1000" },
	{ "limit", "command-timeout 1s", "" },
	{ "limit", "command-timeout 25h", "'25h' is out of range: command-timeout is 1s to 1d" },
	{ "limit", "data-timeout 1d", "" },
	{ "limit", "data-timeout 0s", "'0s' is out of range: data-timeout is 1s to 1d" },
	{ "limit", "line 512", "" },
	{ "limit", "line 511", "'511' is out of range: line is 512 to 64K" },
	{ "limit", "errors 1", "" },
	{ "limit", "errors 0", "'0' is out of range: errors is 1 to 10000" },
	{ "limit", "unknown-recipients 0", "" },
	{ "limit", "unknown-recipients 10001", "'10001' is out of range: unknown-recipients is 0 to 10000" },
	{ "limit", "bare-newline fix", "" },
	{ "limit", "bare-newline keep", "'keep' is not one of refuse or fix" },
	/* retry */
	{ "submission", "future-release 0s", "" },
	{ "submission", "future-release 366d", "" },
	{ "submission", "future-release 367d", "'367d' is out of range: future-release is 0s to 366d" },
	{ "submission", "future-release x", "'x' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "limit", "deliver-by 0s", "" },
	{ "limit", "deliver-by 10m", "" },
	{ "limit", "deliver-by 25h", "'25h' is out of range: deliver-by is 0s to 1d" },
	{ "limit", "deliver-by x", "'x' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "retry", "after 1s 366d", "" },
	{ "retry", "after 15m 0s", "'0s' is out of range: after is 1s to 366d" },
	{ "retry", "after 15m x", "'x' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "retry", "after", "'after' needs a value" },
	{ "retry", "after 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s", "'after' takes at most 16 values" },
	{ "retry", "expire { urgent 1h; normal 2h; non-urgent 3h }; warn { urgent 0s; normal 0s; non-urgent 1h }", "" },
	{ "retry", "expire { urgent 0s }", "'0s' is out of range: urgent is 1s to 366d" },
	{ "retry", "expire { normal 367d }", "'367d' is out of range: normal is 1s to 366d" },
	{ "retry", "expire { non-urgent x }", "'x' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "retry", "in-doubt 1s", "" },
	{ "retry", "in-doubt 1d", "" },
	{ "retry", "in-doubt 0s", "'0s' is out of range: in-doubt is 1s to 1d" },
	{ "retry", "in-doubt 25h", "'25h' is out of range: in-doubt is 1s to 1d" },
	{ "retry", "expire 4h", "'expire' takes a block and no value: expire { }" },
	{ "retry", "warn { urgent 0 }", "'0' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "retry", "warn { normal 367d }", "'367d' is out of range: normal is 0s to 366d" },
	{ "retry", "warn { non-urgent x }", "'x' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "retry", "warn { normal 48h }", "senders of normal mail would be warned after 2d, when it has expired (2d)" },
	{ "retry", "warn { normal 49h }", "senders of normal mail would be warned after 49h, when it has expired (2d)" },
	{ "retry", "warn { normal 47h }", "" },
	{ "retry", "expire { urgent 4h }", "senders of urgent mail would be warned after 4h, when it has expired (4h)" },
	{ "retry", "expire { non-urgent 2h }", "senders of non-urgent mail would be warned after 1d, when it has expired (2h)" },
	{ "retry", "expire { normal 10m }; warn { normal 0s }", "" },
	{ "retry", "warn { nonurgent 1h }", "unknown word 'nonurgent'; did you mean 'non-urgent'?" },
	/* timeout */
	{ "timeout", "tls 20s", "" },
	{ "timeout", "connect 1s; greeting 1h; command 2s; data 3s; final 4s; idle 5s", "" },
	{ "timeout", "connect 0s", "'0s' is out of range: connect is 1s to 1h" },
	{ "timeout", "greeting 2h", "'2h' is out of range: greeting is 1s to 1h" },
	{ "timeout", "command 5", "'5' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "timeout", "data x", "'x' is not a duration; durations are written 90s 15m 4h 2d 1w" },
	{ "timeout", "final 1s; final 2s", "'final' is set a second time; first at t.conf:1" },
	{ "timeout", "idle", "'idle' needs a value" },
	{ "timeout", "conect 1s", "unknown word 'conect'; did you mean 'connect'?" },
	/* resolver */
	{ "resolver", "server 192.0.2.1 192.0.2.1:5353 2001:db8::1 [2001:db8::1] [2001:db8::1]:5353", "" },
	{ "resolver", "families ipv4", "" },
	{ "resolver", "families ipv5", "'ipv5' is not one of both, ipv4 or ipv6; did you mean 'ipv4'?" },
	{ "resolver", "server a.example", "'a.example' is not the address of a server; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53" },
	{ "resolver", "server *:53", "'*:53' is not the address of a server; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53" },
	{ "resolver", "server 192.0.2.1 192.0.2.1:0", "'192.0.2.1:0' is not the address of a server; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53" },
	{ "resolver", "server 192.0.2.1:", "'192.0.2.1:' is not the address of a server; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53" },
	{ "resolver", "server [192.0.2.1]:53", "'[192.0.2.1]:53' is not the address of a server; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53" },
	{ "resolver", "server [::1", "'[::1' is not the address of a server; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53" },
	{ "resolver", "server ::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8 ::9", "'server' takes at most 8 values" },
	{ "resolver", "server", "'server' needs a value" },
	{ "resolver", "families ipv4", "" },
	{ "resolver", "families 4", "'4' is not one of both, ipv4 or ipv6" },
	{ "resolver", "trust-anchor /k", "" },
	{ "tls-policy a.example b.example", "verify; until 2027-01-31; reason \"their certificate is old\"", "" },
	{ "tls-policy a.example", "may", "" },
	{ "tls-policy a.example", "off", "" },
	{ "tls-policy a.example", "until 31.1.2027", "'31.1.2027' is not a day; days are written 2026-11-22" },
	{ "tls-policy a.example", "perhaps", "unknown word 'perhaps'" },
	{ "tls-policy", "may", "'tls-policy' needs a name: tls-policy example.com { }" },
	{ "tls-policy .a.example", "may", "'.a.example' is not a domain name" },
	{ "tls-policy a.example A.example", "may", "A.example has a tls-policy already, at t.conf:1" },
	{ "http", "ca /c", "" },
	{ "http", "private-hosts yes", "" },
	{ "http", "private-hosts 1", "'1' is not one of no or yes" },
	{ "http", "ca c", "'c' is a relative path; paths begin with /" },
	{ "resolver", "trust-anchor k", "'k' is a relative path; paths begin with /" },
	{ "resolver", "timeout 1m", "" },
	{ "resolver", "timeout 61s", "'61s' is out of range: timeout is 1s to 1m" },
	{ "resolver", "hosts yes", "" },
	{ "resolver", "hosts on", "'on' is not one of no or yes" },
	/* relay */
	{ "relay", "from 10.0.0.0/8 ::1; never 10.1.0.0/16; from 192.0.2.1", "" },
	{ "relay", "from 10.0.0.0/8 10.0.0.0/33", "'10.0.0.0/33' is not a network; write 192.0.2.0/24, 192.0.2.1 or 2001:db8::/32" },
	{ "relay", "from", "'from' needs a value" },
	{ "relay", "never a.example", "'a.example' is not a network; write 192.0.2.0/24, 192.0.2.1 or 2001:db8::/32" },
	{ "relay", "authenticated", "" },
	{ "relay", "listed", "" },
	{ "relay", "listed; authenticated", "'authenticated' is set a second time; first at t.conf:1" },
	{ "relay", "authentcated", "unknown word 'authentcated'; did you mean 'authenticated'?" },
	{ "", "relay authenticated", "" },
	/* submission */
	{ "submission", "homed required; match off; notify none; servers a.example b.example", "" },
	{ "submission", "homed by-role; match required", "" },
	{ "submission", "homed yes", "'yes' is not one of by-role, required or off" },
	{ "submission", "servers", "'servers' needs a value" },
	{ "submission", "servers .example", "'.example' is not a host name" },
	{ "submission", "servers a.example a..b", "'a..b' is not a host name" },
	{ "submission", "@a.example", "unknown word '@a.example'; it belongs inside 'filter { }'" },
	/* filter */
	{ "filter senders", "a@b.example; @c.example @.d.example; <>; action quarantine", "" },
	{ "filter senders", "action drop", "'drop' is not one of reject or quarantine" },
	{ "filter senders", "@b..example", "'@b..example' is no sender; write user@example.com, @example.com, @.example.com or <>" },
	{ "filter senders", "a@b.example a@", "'a@' is no sender; write user@example.com, @example.com, @.example.com or <>" },
	{ "filter senders", "<a@b>", "'<a@b>' is no sender; write user@example.com, @example.com, @.example.com or <>" },
	{ "filter senders", "a.example", "unknown word 'a.example'" },
	{ "filter senders", "file lists", "'lists' is a relative path; paths begin with /" },
	{ "filter senders", "file /lists", "'/lists' was not read with the configuration" },
	{ "filter", "@a.example", "what is filtered are senders: filter senders { @example.com }" },
	{ "filter recipients", "@a.example", "what is filtered are senders: filter senders { @example.com }" },
	{ "", "filter senders", "'filter' needs a block, and its '{' in this line" },
	{ "", "filter senders @a.example", "'filter' takes a block and no value: filter { }" },
	{ "domain a.example", "deliver hold-for-etrn; etrn-from 10.0.0.0/8 2001:db8::1; etrn-window 1m", "" },
	{ "", "route r { via h.example }\ndomain a.example { deliver hold-for-etrn r; etrn-user u@a.example @b.example; etrn-window 1d }", "" },
	{ "domain a.example", "deliver hold-for-etrn nothing", "there is no route 'nothing'; add route nothing { via HOST }" },
	{ "domain a.example", "users any; deliver hold-for-etrn a b", "'deliver hold-for-etrn' takes the name of one route" },
	{ "domain a.example", "deliver hold-for-etrn; etrn-from host", "'host' is not a network; write 192.0.2.0/24, 192.0.2.1 or 2001:db8::/32" },
	{ "domain a.example", "deliver hold-for-etrn; etrn-user x", "'x' is not a user; write user@example.com, or @example.com for all of a domain" },
	{ "domain a.example", "deliver hold-for-etrn; etrn-window 59s", "'59s' is out of range: etrn-window is 1m to 1d" },
	{ "domain a.example", "deliver hold-for-etrn; atrn-user u@a.example @b.example }\nlistener x { address *:366; role odmr; tls off", "" },
	{ "domain a.example", "deliver hold-for-etrn; atrn-user u@a.example @b.example", "" },
	{ "domain a.example", "deliver hold-for-etrn; atrn-user x", "'x' is not a user; write user@example.com, or @example.com for all of a domain" },
	{ "listener x", "address *:366; role odmr; auth require", "" },
	{ "dial a", "route r; every 1h; atrn h.example a.example b.example }\nroute r { mx; match x", "" },
	{ "dial a", "route r; every 1h; atrn [192.0.2.1]:3660 a.example; etrn h.example a.example }\nroute r { mx; match x", "" },
	{ "dial a", "route r; every 1h; atrn h.example }\nroute r { mx; match x", "atrn takes a host, and the domains whose mail it has" },
	{ "dial a", "route r; every 1h; atrn h.example:0 a.example }\nroute r { mx; match x", "'h.example:0' is not HOST or HOST:PORT" },
	{ "dial a", "route r; every 1h; atrn h.example " DOMAIN_251 "x " DOMAIN_251 "y }\nroute r { mx; match x", "" },
	{ "dial a", "route r; every 1h; atrn h.example " DOMAIN_251 "x " DOMAIN_251 "yy }\nroute r { mx; match x",
	  "atrn would say a line of 511 octets, and hosts take 510; write several dials" },
	{ "dial a", "route r; every 1h; atrn h.example a_b.example,c }\nroute r { mx; match x", "'a_b.example,c' is not a domain name" },
	{ "dial a", "route r; every 4h }\nroute r { mx; match x", "" },
	{ "dial a", "route r; daily 06:30 22:00; weekdays mon tue; window 5m }\nroute r { mx; match x", "" },
	{ "dial a", "route r; queued-for 30m; before /bin/up \"a b\" c; after /bin/down; user ann; timeout 2m }\nroute r { mx; match x", "" },
	{ "dial a", "route r; queued-messages 20 }\nroute r { mx; match x", "" },
	{ "dial a", "route r; every 90s }\nroute r { mx; match x", "every takes whole minutes" },
	{ "dial a", "route r; daily 1:00; every 2d }\nroute r { mx; match x", "'2d' is out of range: every is 0s to 1d" },
	{ "dial a", "route r; daily 24:00 }\nroute r { mx; match x", "'24:00' is not a time of the day; write 06:30" },
	{ "dial a", "route r; window 10s }\nroute r { mx; match x", "no window of dial 'a' ever opens; write every 4h, daily 22:00 or queued-for 30m" },
	{ "dial a", "route r; every 1h; before bin/up x }\nroute r { mx; match x", "'bin/up' is a relative path; the path of a program begins with /" },
	{ "dial a", "route r; every 1h; after down }\nroute r { mx; match x", "'down' is a relative path; the path of a program begins with /" },
	{ "dial a", "route r; every 1h; timeout 0s }\nroute r { mx; match x", "'0s' is out of range: timeout is 1s to 1h" },
	{ "dial a", "route r; daily 1:00; queued-messages -1 }\nroute r { mx; match x", "'-1' is not a number" },
	{ "", "dial a { route none; every 1h }", "there is no route 'none'" },
	{ "dial a", "route r; every 1h; etrn h.example:26 a.example b.example }\nroute r { mx; match x", "" },
	{ "dial a", "route r; every 1h; etrn h.example }\nroute r { mx; match x", "etrn takes a host, and the domains whose mail it has" },
	{ "dial a", "route r; every 1h; etrn h.example:0 a.example }\nroute r { mx; match x", "'h.example:0' is not HOST or HOST:PORT" },
	{ "dial a", "route r; every 1h; etrn h.example @a.example }\nroute r { mx; match x", "'@a.example' is not a domain name" },
	{ "dial a", "every 1h", "dial 'a' has no route; write route NAME" },
	{ "dial a", "route r; every 1h }\ndial b { route r; every 1h }\nroute r { mx; match x", "route 'r' belongs to dial 'a' already" },
	{ "", "relay from 10.0.0.0/8", "" },
	{ "", "relay", "'relay' needs a block, and its '{' in this line" },
	/* notify */
	{ "", "postmaster a@b.example; notify all", "" },
	{ "", "postmaster a@b.example; notify host-unknown address-unknown ambiguous protocol expired", "" },
	{ "", "postmaster a@b.example; notify host-unknwn", "'host-unknwn' is not one of host-unknown, address-unknown, ambiguous, protocol, expired or all; did you mean 'host-unknown'?" },
	{ "", "postmaster a@b.example; notify all none", "'none' is not one of host-unknown, address-unknown, ambiguous, protocol, expired or all" },
	{ "", "postmaster a@b.example; notify all all all all all all all", "'notify' takes at most 6 values" },
	{ "", "postmaster a@b.example; notify", "'notify' needs a value" },
	{ "", "notify expired", "'notify' needs somebody to tell; write postmaster name@example.com" },
	/* domain */
	{ "domain a.example B.example", "users any; deliver maildir /m/%d/%n", "" },
	{ "domain a.example", "users any; deliver maildir \"/m %%/%u\"", "" },
	{ "domain a.example", "users staff; deliver maildir /m/%n", "there is no directory 'staff'; add directory staff { sqlite PATH }" },
	{ "domain a.example", "users a/b; deliver maildir /m/%n", "'a/b' is not the name of a directory" },
	{ "domain a.example", "deliver maildir /m/%n", "domain a.example does not say who its users are; write users DIRECTORY or users any" },
	{ "domain a.example", "users any", "domain a.example does not say where its mail goes; write deliver maildir /var/mail/%d/%n" },
	{ "domain a.example", "users any; deliver maildir /m/%n; aliases /etc/aliases", "" },
	{ "domain a.example", "users any; deliver maildir /m/%n; aliases etc", "'etc' is a relative path; paths begin with /" },
	{ "domain a.example", "users any; deliver maildir /m/%n; aliases", "'aliases' needs a value" },
	{ "domain a.example", "users any; deliver maildir /m/%n; catch-all x@a.example", "" },
	{ "domain a.example", "users any; deliver maildir /m/%n; catch-all x", "'x' is not an address; write name@example.com" },
	{ "domain a.example", "users any; deliver maildir m/%n", "'m/%n' is a relative path; a maildir template begins with /" },
	{ "domain a.example", "users any; deliver maildir /m/%q", "after % in a maildir template stands d (domain), n (local part), u (address) or %" },
	{ "domain a.example", "users any; deliver maildir /m/%", "after % in a maildir template stands d (domain), n (local part), u (address) or %" },
	{ "domain a.example", "users any; deliver maildir", "'deliver maildir' takes one template" },
	{ "domain a.example", "users any; deliver route", "'deliver route' takes the name of one route" },
	{ "domain a.example", "users any; deliver route a/b", "'a/b' is not the name of a route" },
	{ "domain a.example", "users any; deliver route x", "there is no route 'x'; add route x { via HOST }" },
	{ "domain a.example", "users any; deliver mbox /run/x", "'mbox' is no way to deliver; write maildir TEMPLATE, lmtp TARGET, route NAME or hold-for-etrn" },
	{ "domain a.example", "users any; deliver lmtp /run/x", "" },
	{ "domain a.example", "users any; deliver lmtp /run/x h.example h.example:2424 192.0.2.1 [::1]:24 [::1]", "" },
	{ "domain a.example", "deliver lmtp /run/x", "domain a.example does not say who its users are; write users DIRECTORY or users any" },
	{ "domain a.example", "users any; deliver lmtp", "'deliver lmtp' takes the path of a socket, or HOST:PORT" },
	{ "domain a.example", "users any; deliver lmtp run/x", "'run/x' is not HOST or HOST:PORT" },
	{ "domain a.example", "users any; deliver lmtp /run/x h:0", "'h:0' is not HOST or HOST:PORT" },
	{ "domain a.example", "users any; deliver lmtp ::1", "'::1' is an IPv6 address; write it in brackets: [2001:db8::1]:24" },
	{ "domain a.example", "users any; deliver lmtp /1 /2 /3 /4 /5 /6 /7 /8", "" },
	{ "domain a.example", "users any; deliver lmtp /1 /2 /3 /4 /5 /6 /7 /8 /9", "'deliver lmtp' takes at most 8 targets" },
	{ "domain a.example", "users any; deliver lmtp /23456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
	  "the path of a socket has at most 107 bytes" },
	{ "domain a.example", "users any; deliver route a b", "'deliver route' takes the name of one route" },
	{ "domain a.example", "users any; deliver maildir /m/%n b", "'deliver maildir' takes one template" },
	{ "domain a..example", "users any; deliver maildir /m/%n", "'a..example' is not a domain name" },
	{ "domain \xc3\xa4.example", "users any; deliver maildir /m/%n", "'\xc3\xa4.example' is not a domain name; write its ASCII form, which begins with xn--" },
	{ "domain", "users any", "'domain' needs a name: domain example.com { }" },
	/* directory */
	{ "directory a", "sqlite /d", "" },
	{ "directory a", "sqlite d", "'d' is a relative path; paths begin with /" },
	{ "directory a", "", "directory 'a' does not say where it is; write sqlite PATH" },
	{ "directory a", "sqlite /d; ldap ldap://h { base dc=x }", "directory 'a' has two lists of users, sqlite and ldap; make a directory of each" },
	{ "directory a", "file /d; home mx.a.example; connections 16; timeout 20s; cache 0s", "" },
	{ "directory a", "file d", "'d' is a relative path; paths begin with /" },
	{ "directory a", "file /d; home -x", "'-x' is not a host name" },
	{ "directory a", "file /d; connections 17", "'17' is out of range: connections is 1 to 16" },
	{ "directory a", "file /d; timeout 21s", "'21s' is out of range: timeout is 1s to 20s" },
	{ "directory a", "file /d; cache 61m", "'61m' is out of range: cache is 0s to 1h" },
	{ "directory a", "file /d; sqlite /d", "directory 'a' has two lists of users, sqlite and file; make a directory of each" },
	/* postgres */
	{ "directory a", "postgres \"host=h dbname=m\"", "" },
	{ "directory a", "postgres postgresql://u@h/m?sslmode=verify-full { secret a.b; find \"SELECT $1\" }", "" },
	{ "directory a", "postgres", "'postgres' needs a value" },
	{ "directory a", "postgres a b", "'postgres' takes at most 1 value" },
	{ "directory a", "postgres host=h { secret ../a }", "'../a' is not a name of a secret; names have letters, digits, dots, - and _, and do not begin with a dot" },
	{ "directory a", "postgres host=h { find \"SELECT address FROM users\" }", "this query finds the same for everybody; write $1 where the address is to stand" },
	{ "directory a", "postgres \"host=h Password=x\"", "a password here could be read by everybody who may see the configuration; put it into a secret and write secret NAME" },
	{ "directory a", "postgres postgres://u:x@h/m", "a password here could be read by everybody who may see the configuration; put it into a secret and write secret NAME" },
	{ "directory a", "postgres postgresql://h:5432/m", "" },
	{ "directory a", "sqlite /d; postgres host=h", "directory 'a' has two lists of users, sqlite and postgres; make a directory of each" },
	{ "directory a", "postgres host=h; dovecot { userdb /u }", "directory 'a' has two lists of users, postgres and dovecot; make a directory of each" },
	/* dovecot */
	{ "directory a", "dovecot { auth /a; userdb /u }; timeout 2s", "" },
	{ "directory a", "dovecot { userdb 127.0.0.1:3000 }", "" },
	{ "directory a", "dovecot { auth [::1]:65535 }", "" },
	{ "directory a", "dovecot { }", "directory 'a' does not say where it is; write sqlite PATH" },
	{ "directory a", "dovecot { auth run/a }", "'run/a' is not a socket; write its PATH or ADDRESS:PORT" },
	{ "directory a", "dovecot { userdb h.example:3000 }", "'h.example:3000' is not a socket; write its PATH or ADDRESS:PORT" },
	{ "directory a", "dovecot { userdb 127.0.0.1:0 }", "'127.0.0.1:0' is not a socket; write its PATH or ADDRESS:PORT" },
	{ "directory a", "dovecot { userdb 127.0.0.1:65536 }", "'127.0.0.1:65536' is not a socket; write its PATH or ADDRESS:PORT" },
	{ "directory a", "sqlite /d; dovecot { auth /a }; cache 0s", "" },
	{ "directory a", "sqlite /d; pam ims; dovecot { auth /a }", "directory 'a' has two that compare passwords, pam and dovecot; leave one away" },
	/* pam */
	{ "directory a", "pam ims", "" },
	{ "directory a", "postgres host=h; pam ims-2 { names whole; folder /etc/ims/pam.d }", "" },
	{ "directory a", "pam", "'pam' needs a value" },
	{ "directory a", "pam ../ims", "'../ims' is not the name of a service; names have letters, digits, - and _, at most 63" },
	{ "directory a", "pam ims { names both }", "'both' is not one of local or whole" },
	{ "directory a", "pam ims { folder pam.d }", "'pam.d' is a relative path; paths begin with /" },
	/* ldap */
	{ "directory a", "ldap ldaps://h:636 ldap://[::1]:389 ldapi://%2Frun%2Fldapi { base dc=x }", "" },
	{ "directory a", "ldap ldap://h { base dc=x; profile ad; bind \"cn=ims,dc=x\"; secret ad; tls off }", "" },
	{ "directory a", "ldap ldap://h { base dc=x; filter \"(&(mail=%u)(uid=%n)(dc=%d)(cn=%%))\"; mail m; aliases a; home h; certificates /ca }", "" },
	{ "directory a", "ldap", "'ldap' needs a value" },
	{ "directory a", "ldap { base dc=x }", "'ldap' needs a value" },
	{ "directory a", "ldap 1 2 3 4 5 6 7 8 9 { base dc=x }", "'ldap' takes at most 8 values" },
	{ "directory a", "ldap ldap://h", "directory 'a' does not say where in LDAP its users are; write base dc=example,dc=com" },
	{ "directory a", "ldap h { base x }", "'h' is not the URL of an LDAP server; write ldaps://HOST or ldap://HOST:PORT, without anything behind it" },
	{ "directory a", "ldap ldap:// { base x }", "'ldap://' is not the URL of an LDAP server; write ldaps://HOST or ldap://HOST:PORT, without anything behind it" },
	{ "directory a", "ldap ldap://h/dc=x?mail { base x }", "'ldap://h/dc=x?mail' is not the URL of an LDAP server; write ldaps://HOST or ldap://HOST:PORT, without anything behind it" },
	{ "directory a", "ldap \"\" { base x }", "the text is empty" },
	{ "directory a", "ldap ldap://h { base x; bind cn=a }", "the password of this DN is not named; write secret NAME" },
	{ "directory a", "ldap ldap://h { base x; secret a }", "it is not said whose password this is; write bind DN" },
	{ "directory a", "ldap ldap://h { base x; bind cn=a; secret ../a }", "'../a' is not a name of a secret; names have letters, digits, dots, - and _, and do not begin with a dot" },
	{ "directory a", "ldap ldap://h { base x; bind cn=a; secret ..a }", "'..a' is not a name of a secret; names have letters, digits, dots, - and _, and do not begin with a dot" },
	{ "directory a", "ldap ldap://h { base x; filter mail=%u }", "this is not a filter; write (mail=%u), where behind % stands u (address), n (local part), d (domain) or %" },
	{ "directory a", "ldap ldap://h { base x; filter (mail=%u))( }", "this is not a filter; write (mail=%u), where behind % stands u (address), n (local part), d (domain) or %" },
	{ "directory a", "ldap ldap://h { base x; filter (mail=%x) }", "this is not a filter; write (mail=%u), where behind % stands u (address), n (local part), d (domain) or %" },
	{ "directory a", "ldap ldap://h { base x; filter (mail=*) }", "this filter finds the same for everybody; write %u where the address is to stand, or %n for the local part" },
	{ "directory a", "ldap ldap://h { base x; mail a=b }", "'a=b' is not the name of an attribute" },
	{ "directory a", "ldap ldap://h { base x; aliases a* }", "'a*' is not the name of an attribute" },
	{ "directory a", "ldap ldap://h { base x; home a(b }", "'a(b' is not the name of an attribute" },
	{ "directory a", "ldap ldap://h { base x; profile adx }", "'adx' is not one of generic or ad; did you mean 'ad'?" },
	{ "directory a", "ldap ldap://h { base x; tls on }", "'on' is not one of start or off" },
	{ "directory a", "ldap ldap://h { base x }; ldap ldap://g { }", "'ldap' is set a second time; first at t.conf:1" },
	{ "directory a", "ldap ldap://h { base x; base y }", "'base' is set a second time; first at t.conf:1" },
	{ "directory a", "ldap ldap://h { base x; zzz y }", "unknown word 'zzz'" },
	{ "", "secrets /s", "" },
	{ "", "secrets s", "'s' is a relative path; paths begin with /" },
	{ "directory any", "sqlite /d", "a directory cannot be named 'any', which stands for every address" },
	/* route */
	{ "route a", "via a.example:x", "'a.example:x' is not HOST or HOST:PORT" },
	{ "route a", "via a.example 2001:db8::1", "'2001:db8::1' is an IPv6 address; write it in brackets: [2001:db8::1]:25" },
	{ "route a", "via [x]:25", "'[x]:25' is not HOST or HOST:PORT" },
	{ "route a", "via h; tls verify", "" },
	{ "route a", "mx; tls verify; ca /c", "" },
	{ "route a", "mx; tls require; tls-profile strict", "" },
	{ "route a", "mx; tls-profile new", "'new' is not one of modern, strict or legacy" },
	{ "route a", "via h:465; tls-start starttls", "" },
	{ "route a", "via h:466; tls-start implicit", "" },
	{ "route a", "via h; tls-start never", "'never' is not one of auto, starttls or implicit" },
	{ "route a", "via h; tls off; tls-start implicit", "route 'a' has tls off and tls-start implicit; take one of them away" },
	{ "route a", "via h; certificate /c; key /k", "" },
	{ "route a", "via h; certificate /c", "" },
	{ "route a", "via h; key /k", "route 'a' has a key without a certificate; write certificate PATH" },
	{ "route a", "via h; tls verify; ca c", "'c' is a relative path; paths begin with /" },
	{ "route a", "mx; tls dane", "" },
	{ "route a", "mx; tls off", "" },
	{ "route a", "mx; tls may; port 2525; cost 5; match a.example .a.example", "" },
	{ "route a", "smart-host; via h", "" },
	{ "route a", "tls off", "route 'a' leads nowhere; write via HOST or mx" },
	{ "route a", "via h; mx", "route 'a' has both via and mx; take one of them away" },
	{ "route a", "mx; smart-host", "'smart-host' is set a second time; first at t.conf:1" },
	{ "route a", "via h; mx x", "'mx' takes no value" },
	{ "route a", "via h; my", "unknown word 'my'" },
	{ "route a", "via h; port 26", "'port' is for mx; write via HOST:26" },
	{ "route a", "via h; port 25", "" },
	{ "route a", "mx; port 0", "'0' is out of range: port is 1 to 65535" },
	{ "route a", "mx; port 65536", "'65536' is out of range: port is 1 to 65535" },
	{ "route a", "mx; cost -1", "'-1' is not a number" },
	{ "route a", "mx; match .", "'.' is not a domain name; write example.com, or .example.com for all below it, or * for all" },
	{ "route a", "via a.example weight 3 mx:b.example weight 1000 mx:26 mx:c.example:27 [::1]", "" },
	{ "route a", "via a.example weight", "behind 'weight' stands a number, 1 to 1000" },
	{ "route a", "via a.example weight 0", "'0' is no weight; it is 1 to 1000" },
	{ "route a", "via a.example weight 1001", "'1001' is no weight; it is 1 to 1000" },
	{ "route a", "via a.example weight many", "'many' is no weight; it is 1 to 1000" },
	{ "route a", "via mx:[192.0.2.1]", "'mx:[192.0.2.1]' is not HOST or HOST:PORT, or mx:NAME" },
	{ "route a", "via mx:192.0.2.1", "'mx:192.0.2.1' is not HOST or HOST:PORT, or mx:NAME" },
	{ "route a", "via mx:", "'mx:' is not HOST or HOST:PORT, or mx:NAME" },
	{ "route a", "via a b c d e f g h i j k l m n o p q", "'via' takes at most 16 hosts" },
	{ "route a", "via a; probe 0s", "'0s' is out of range: probe is 1s to 30m" },
	{ "domain x.example", "users any; deliver lmtp mx:a.example", "mx: is for the hosts of a route" },
	{ "route a", "mx; recipient-domain b.example", "" },
	{ "route a", "mx; recipient-domain @b.example", "'@b.example' is not a host name" },
	{ "route a", "mx; match *.a.example *", "" },
	{ "route a", "mx; match mx*.a.example", "'mx*.a.example' is not a domain name; write example.com, or .example.com for all below it, or * for all" },
	{ "route a", "mx; match *.", "'*.' is not a domain name; write example.com, or .example.com for all below it, or * for all" },
	{ "route a", "mx; match **", "'**' is not a domain name; write example.com, or .example.com for all below it, or * for all" },
	{ "route a", "mx; sender a@b.example @c.example @.d.example <>", "" },
	{ "route a", "mx; sender b.example", "'b.example' is no sender; write user@example.com, @example.com, @.example.com or <>" },
	{ "route a", "mx; user a@b.example @c.example", "" },
	{ "route a", "mx; user ann", "'ann' is not a user; write user@example.com, or @example.com for all of a domain" },
	{ "route a", "mx; match-file list", "'list' is a relative path; paths begin with /" },
	{ "route a", "mx; match-file /list", "'/list' was not read with the configuration" },
	{ "route default", "mx; sender <>", "route 'default' is for what no other takes, so it is for everybody; give this route another name" },
	{ "route default", "mx; user a@b.example", "route 'default' is for what no other takes, so it is for everybody; give this route another name" },
	{ "route a", "mx; match ..a", "'..a' is not a domain name; write example.com, or .example.com for all below it, or * for all" },
	{ "route a", "mx; match a.example.", "'a.example.' is not a domain name; write example.com, or .example.com for all below it, or * for all" },
	{ "route a", "mx; match [192.0.2.1]", "'[192.0.2.1]' is not a domain name; write example.com, or .example.com for all below it, or * for all" },
	{ "route a", "mx; match", "'match' needs a value" },
	{ "route a", "mx; login ann; secret s", "route 'a' has login and mx: a password is for the hosts of via, not for everybody" },
	{ "route a", "via h.example; login ann; tls verify", "the password of this login is not named; write secret NAME, or oauth NAME" },
	{ "route a", "via h.example; secret isp", "whose password this is, is not said; write login USER" },
	{ "route a", "via h.example; login ann; secret ../x; tls verify", "here stands the name of a secret, of letters, digits, . - and _" },
	{ "route a", "via h.example; login ann; secret s; tls off", "route 'a' has tls off, and the password is not sent in the clear; write tls verify" },
	{ "route a", "via h.example; login ann; secret s; mechanisms CRAM-MD5", "'CRAM-MD5' is not one of SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN, OAUTHBEARER or XOAUTH2" },
	{ "route a", "via h.example; login ann; secret s; tls off; login-cleartext yes", "" },
	{ "route a", "via h.example; login ann; secret s; tls verify; mechanisms PLAIN LOGIN", "" },
	{ "route a", "via h.example; login ann; secret s; tls verify; mechanisms SCRAM-SHA-256-PLUS", "" },
	{ "route a", "via a.example; tls maybe", "'maybe' is not one of off, may, require, verify, dane or auto; did you mean 'may'?" },
#include "setting_tokens.def"
#include "setting_clients.def"
#include "setting_egress.def"
#include "setting_tlsrpt.def"
};

static void case_text(size_t i, char *text, size_t size)
{
	if (!cases[i].block[0]) (void)snprintf(text, size, "%s\n", cases[i].statement);
	else (void)snprintf(text, size, "%s { %s }\n", cases[i].block, cases[i].statement);
}

static void test_cases(void **state)
{
	(void)state;
	int failed = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct conf_errors errors;
		char text[1024], got[1024] = "";
		case_text(i, text, sizeof text);
		struct conf *conf = help_parse(text, &errors);
		for (size_t n = errors.count; n > 0; n--)
			if (errors.list[n - 1].severity == CONF_ERROR)
				(void)str_to_cstr(errors.list[n - 1].sentence, got, sizeof got);
		if (strcmp(got, cases[i].want)) print_error("row %zu: %sgot: %s\n", i, text, got);
		failed += strcmp(got, cases[i].want) != 0;
		failed += (conf == NULL) != (cases[i].want[0] != 0);
		conf_errors_free(&errors);
		conf_free(conf);
	}
	assert_int_equal(failed, 0);
}

static bool is_tried(enum conf_block_id block, struct str word)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str of = str_of(cases[i].block), statement = str_of(cases[i].statement);
		struct str name = conf_blocks[block].word;
		if (block == CONF_BLOCK_conf_oauth) name = STR("auth");
		if (block == CONF_BLOCK_conf_limit_connections) name = STR("limit");
		if (block == CONF_BLOCK_conf_retry_expire) name = STR("retry");
		if (block == CONF_BLOCK_conf_retry_warn) name = STR("retry");
		if (block == CONF_BLOCK_conf_ldap || block == CONF_BLOCK_conf_postgres ||
		    block == CONF_BLOCK_conf_dovecot || block == CONF_BLOCK_conf_pam)
			name = STR("directory");
		if (block == CONF_BLOCK_conf_sender_map && str_eq(word, name)) name = STR("");
		if (block == CONF_BLOCK_conf_warm_up) name = STR("egress");
		if (block == CONF_BLOCK_conf_check_client) name = STR("check");
		if (block == CONF_BLOCK_conf_check_helo) name = STR("check");
		if (!str_eq(str_word(&of), name)) continue;
		for (size_t at = 0; at + word.len <= statement.len; at++)
			if (str_eq(str_sub(statement, at, word.len), word)) return true;
	}
	return false;
}

/* A new setting without a row here fails. */
static void test_every_setting_has_a_row(void **state)
{
	(void)state;
	for (enum conf_block_id block = 0; block < CONF_BLOCK_COUNT; block++) {
		size_t count;
		const struct conf_row *row = conf_rows(block, &count);
		assert_true(count > 0);
		for (size_t i = 0; i < count; i++) {
			struct str word = row[i].word.len ? row[i].word
					  : row[i].words  ? row[i].words->at[0].word
					  : row[i].type == CONF_IS_SENDERS ? STR("@c.example")
					  : conf_row_of_values(block) == &row[i] ? conf_blocks[block].word
							  : conf_blocks[row[i].inner].word;
			if (row[i].many || row[i].type == CONF_IS_BLOCK) continue;
			if (!is_tried(block, word)) print_error("no row tries %.*s\n", STR_ARG(word));
			assert_true(is_tried(block, word));
			/* complete.c relies on it */
			if (row[i].from == CONF_NO_ORIGIN)
				assert_true(str_eq(row[i].text, row[i].words->at[0].word) ||
					    row[i].words->count == 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_setting_has_a_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
