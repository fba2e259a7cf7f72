/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts of client.c about logging in; who computes for SCRAM is played by talk.c. */
#include "client_scripts.h"

#define TO_EHLO "S: 220 h.example\nC: EHLO us.example\n"
#define TO_HELO "S: 220 h.example\nC: HELO us.example\nS: 250 h.example\n"
#define PLAIN   TO_EHLO "S: 250 h.example\n"
#define AUTH(names) TO_EHLO "S: 250-h.example\nS: 250 AUTH " names "\n"
#define AUTHED(names) "C: EHLO us.example\nS: 250-h.example\nS: 250 AUTH " names "\n"
#define OFFERS  TO_EHLO "S: 250-h.example\nS: 250 STARTTLS\n"
#define ASKED   "C: STARTTLS\nS: 220 2.0.0 go on\n"
#define MAIL    "C: MAIL FROM:<a@c.example>\n"
#define MAY      .tls = SMTP_CL_TLS_MAY
#define MUST     .tls = SMTP_CL_TLS_MUST
#define IMPLICIT .tls = SMTP_CL_TLS_IMPLICIT

enum { ALL = ((1u << SMTP_CL_MECHANISMS) - 1) & ~(unsigned)SMTP_CLIENT_TOKENS };
#define WHO(name, password) .user = STR_INIT(name), .secret = STR_INIT(password), \
			    .route = STR_INIT("out")
#define P60 "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"

static const struct smtp_client_login login = { WHO("ann", "secret!"), .mechanisms = ALL,
						.cleartext = true };
static const struct smtp_client_login by_tls = { WHO("ann", "secret!"), .mechanisms = ALL };
static const struct smtp_client_login no_plus = {
	WHO("ann", "secret!"), .mechanisms = ALL & ~(1u << SMTP_CL_SCRAM_SHA_256_PLUS)
};
static const struct smtp_client_login only_login = { WHO("ann", "secret!"), .cleartext = true,
						     .mechanisms = 1u << SMTP_CL_LOGIN };
static const struct smtp_client_login token = { WHO("ann", "secret!"), .cleartext = true,
						.mechanisms = SMTP_CLIENT_TOKENS };
static const struct smtp_client_login token_of = { WHO("a,n=", "secret!"), .cleartext = true,
						   .mechanisms = SMTP_CLIENT_TOKENS };
static const struct smtp_client_login token_by_tls = { WHO("ann", "secret!"),
						       .mechanisms = SMTP_CLIENT_TOKENS };
static const struct smtp_client_login long_secret = {
	WHO("ann", P60 P60 P60 P60 P60 "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"),
	.mechanisms = ALL, .cleartext = true
};
static const struct smtp_client_login long_user = { WHO(P60 P60, "x"), .mechanisms = ALL,
						    .cleartext = true };

const struct client_script client_auth_scripts[] = {
	{ "PLAIN", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 235 2.7.0 ok\n" MAIL "X: close\nE: lost\n", .login = &login },
	{ "LOGIN", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YW5u\n"
	  "S: 334 what else?\nC: c2VjcmV0IQ==\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &login },
	{ "SCRAM-SHA-256", 1, .lines =
	  AUTH("SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nS: 334 MQ==\nC: dHdv\n"
	  "S: 334 Mg==\nC: \nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &login },
	{ "the strongest is taken", 1, .lines =
	  AUTH("LOGIN plain NTLM scram-sha-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nX: close\nE: lost\n"
	  "W: lost connection while logging in\n", .login = &login },
	{ "only what may be used", 1, .lines =
	  AUTH("SCRAM-SHA-256 PLAIN LOGIN") "C: AUTH LOGIN\nX: timeout\nE: timeout\n"
	  "W: timed out while logging in\n", .login = &only_login },
	{ "as old hosts write it", 1, .lines =
	  TO_EHLO "S: 250-h.example\nS: 250 AUTH=PLAIN\nC: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &login },
	{ "offered and not known: the next", 1, .lines =
	  AUTH("SCRAM-SHA-256 PLAIN LOGIN") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nS: 504 what\n"
	  "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 504 what\nC: AUTH LOGIN\nS: 334 \nC: YW5u\nS: 334 \nC: c2VjcmV0IQ==\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &login },
	{ "none is known", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 504 5.5.4 what\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 504 5.5.4 what\n", .login = &login },
	{ "PLAIN 530", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 530 5.7.0 TLS first\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 530 5.7.0 TLS first\n", .login = &login },
	{ "PLAIN 534", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 534 5.7.9 too weak\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 534 5.7.9 too weak\n", .login = &login },
	{ "PLAIN 535", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 535 5.7.8 no\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 535 5.7.8 no\n", .login = &login },
	{ "PLAIN 538", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 538 5.7.11 TLS\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 538 5.7.11 TLS\n", .login = &login },
	{ "PLAIN 500", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 500 what\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 500 what\n", .login = &login },
	{ "PLAIN 550", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 550 5.7.1 no\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 550 5.7.1 no\n", .login = &login },
	{ "PLAIN 432", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 432 4.7.0 later\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example puts off the login of ann: 432 4.7.0 later\n", .login = &login },
	{ "PLAIN 451", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 451 4.7.0 later\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example puts off the login of ann: 451 4.7.0 later\n", .login = &login },
	{ "PLAIN 454", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 454 4.7.0 later\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example puts off the login of ann: 454 4.7.0 later\n", .login = &login },
	{ "LOGIN refused at the name", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 535 no\n" "C: QUIT\nE: auth-failed\n", .login = &login },
	{ "LOGIN put off at the name", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 454 no\n" "C: QUIT\nE: auth-failed\n", .login = &login },
	{ "LOGIN yes at the name", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 235 yes\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example said yes to the login before it was over\n", .login = &login },
	{ "LOGIN garbage at the name", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: what\nE: garbage\n", .login = &login },
	{ "LOGIN lost at the name", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nX: close\nE: lost\n", .login = &login },
	{ "LOGIN 421 at the name", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 421 down\nE: shut\n", .login = &login },
	{ "LOGIN refused at the password", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: YW5u\nS: 535 no\n" "C: QUIT\nE: auth-failed\n", .login = &login },
	{ "LOGIN put off at the password", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: YW5u\nS: 454 no\n" "C: QUIT\nE: auth-failed\n", .login = &login },
	{ "LOGIN yes at the password", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: YW5u\nS: 235 yes\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example said yes to the login before it was over\n", .login = &login },
	{ "LOGIN garbage at the password", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: YW5u\nS: what\nE: garbage\n", .login = &login },
	{ "LOGIN lost at the password", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: YW5u\nX: close\nE: lost\n", .login = &login },
	{ "LOGIN 421 at the password", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: YW5u\nS: 421 down\nE: shut\n", .login = &login },
	{ "LOGIN refused in the end", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: YW5u\nS: 334 \nC: c2VjcmV0IQ==\nS: 535 no\n" "C: QUIT\nE: auth-failed\n", .login = &login },
	{ "asked for more than there is", 1, .lines =
	  AUTH("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: YW5u\nS: 334 \nC: c2VjcmV0IQ==\nS: 334 \nE: garbage\n", .login = &login },
	{ "PLAIN asked for more", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 334 \nE: garbage\n"
	  "W: no reply that makes sense while logging in\n", .login = &login },
	{ "PLAIN 354 is as 334, too late", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 354 go\nE: garbage\n", .login = &login },
	{ "PLAIN given up here", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nX: local\nE: local\nW: given up while logging in\n", .login = &login },
	{ "SCRAM refused at once", 1, .lines =
	  AUTH("SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nS: 535 no\n" "C: QUIT\nE: auth-failed\n", .login = &login },
	{ "SCRAM: no proof of the host", 1, .lines =
	  AUTH("SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nS: 334 MQ==\nC: dHdv\nS: 235 ok\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example said yes to the login before it was over, or without a proof\n", .login = &login },
	{ "SCRAM: an empty challenge first", 1, .lines =
	  AUTH("SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nS: 334 =\nC: Zmlyc3Q=\nX: close\nE: lost\n", .login = &login },
	{ "SCRAM: no base 64", 1, .lines =
	  AUTH("SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nS: 334 r=1\nE: garbage\n", .login = &login },
	{ "SCRAM: two lines", 1, .lines =
	  AUTH("SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nS: 334-MQ==\nS: 334 MQ==\nE: garbage\n", .login = &login },
	{ "SCRAM: it cannot be computed", 1, .lines =
	  AUTH("SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nS: 334 ZT1ubwd4\n" "E: auth-failed\n"
	  "W: route 'out': mx.h.example: the login of ann failed: e=no?x\n", .login = &login },
	{ "not offered", 1, .lines =
	  PLAIN "C: QUIT\nE: auth-failed\n" "W: route 'out': mx.h.example does not offer to log in (AUTH)\n", .login = &login },
	{ "after HELO", 1, .lines =
	  TO_HELO "C: QUIT\nE: auth-failed\n" "W: route 'out': mx.h.example does not know EHLO, and so no login\n", .login = &login, .helo = true },
	{ "nothing that may be used", 1, .lines =
	  AUTH("NTLM XOAUTH2") "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example offers no way to log in that may be used; it offers NTLM XOAUTH2\n", .login = &login },
	{ "not in the clear", 1, .lines =
	  AUTH("PLAIN") "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example is not spoken to by TLS, and the password may not be sent in the clear\n", .login = &by_tls },
	{ "not in the clear where TLS is not offered", 1, .lines =
	  AUTH("PLAIN") "C: QUIT\nE: auth-failed\n", .login = &by_tls, MAY },
	{ "after TLS", 1, .lines =
	  OFFERS ASKED "T: \n" AUTHED("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &by_tls, MUST },
	{ "what was offered before TLS does not count", 1, .lines =
	  TO_EHLO "S: 250-h.example\nS: 250-AUTH PLAIN\nS: 250 STARTTLS\n" ASKED
	  "T: \nC: EHLO us.example\nS: 250 h.example\n" "C: QUIT\nE: auth-failed\n" "W: route 'out': mx.h.example does not offer to log in\n", .login = &by_tls, MUST },
	{ "TLS from the first octet", 1, .lines =
	  "T: \nS: 220 h.example\n" AUTHED("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &by_tls, IMPLICIT },
	/* RFC 5802 6: bound where both sides can, and the truth about it where not */
	{ "PLUS where TLS has a binding", 1, .lines =
	  OFFERS ASKED "T: bound\n" AUTHED("SCRAM-SHA-256 PLAIN SCRAM-SHA-256-PLUS") "C: AUTH SCRAM-SHA-256-PLUS cGZpcnN0\n"
	  "S: 334 MQ==\nC: dHdv\nS: 334 Mg==\nC: \nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &by_tls, MUST },
	{ "PLUS is not offered: y", 1, .lines =
	  OFFERS ASKED "T: bound\n" AUTHED("SCRAM-SHA-256 PLAIN") "C: AUTH SCRAM-SHA-256 eWZpcnN0\nX: close\nE: lost\n", .login = &by_tls, MUST },
	{ "PLUS may not be used: n", 1, .lines =
	  OFFERS ASKED "T: bound\n" AUTHED("SCRAM-SHA-256-PLUS SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nX: close\nE: lost\n", .login = &no_plus, MUST },
	{ "PLUS, and TLS has no binding: n", 1, .lines =
	  OFFERS ASKED "T: \n" AUTHED("SCRAM-SHA-256-PLUS SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nX: close\nE: lost\n", .login = &by_tls, MUST },
	{ "PLUS without TLS: n", 1, .lines =
	  AUTH("SCRAM-SHA-256-PLUS SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256 Zmlyc3Q=\nX: close\nE: lost\n", .login = &login },
	{ "PLUS alone, and TLS has no binding", 1, .lines =
	  OFFERS ASKED "T: \n" AUTHED("SCRAM-SHA-256-PLUS") "C: QUIT\nE: auth-failed\n"
	  "W: mx.h.example offers no way to log in that may be used; it offers SCRAM-SHA-256-PLUS\n", .login = &by_tls, MUST },
	{ "PLUS offered and not known: nothing weaker", 1, .lines =
	  OFFERS ASKED "T: bound\n" AUTHED("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN") "C: AUTH SCRAM-SHA-256-PLUS cGZpcnN0\nS: 504 what\nC: QUIT\nE: auth-failed\n"
	  "W: mx.h.example refuses the login of ann by SCRAM-SHA-256-PLUS, which it offers: 504 what\n", .login = &by_tls, MUST },
	{ "PLUS refused: nothing weaker", 1, .lines =
	  OFFERS ASKED "T: bound\n" AUTHED("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN") "C: AUTH SCRAM-SHA-256-PLUS cGZpcnN0\nS: 334 MQ==\nC: dHdv\nS: 535 no\nC: QUIT\nE: auth-failed\n"
	  "W: mx.h.example refuses the login of ann by SCRAM-SHA-256-PLUS, which it offers: 535 no\n", .login = &by_tls, MUST },
	{ "PLUS: the host cannot prove that it knows: nothing weaker", 1, .lines =
	  OFFERS ASKED "T: bound\n" AUTHED("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN") "C: AUTH SCRAM-SHA-256-PLUS cGZpcnN0\nS: 334 MQ==\nC: dHdv\nS: 334 ZT1ubwd4\nE: auth-failed\n"
	  "W: mx.h.example: the login of ann failed: e=no?x\n", .login = &by_tls, MUST },
	{ "PLUS: yes without a proof", 1, .lines =
	  OFFERS ASKED "T: bound\n" AUTHED("SCRAM-SHA-256-PLUS PLAIN") "C: AUTH SCRAM-SHA-256-PLUS cGZpcnN0\nS: 235 yes\nC: QUIT\nE: auth-failed\n"
	  "W: or without a proof that it knows the password\n", .login = &by_tls, MUST },
	{ "the password comes back as it is", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 535 5.7.8 SECRET! is wrong\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 535 (its words are not shown, as they repeat the password)\n", .login = &login },
	{ "the password comes back as LOGIN sends it", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 535 what is c2VjcmV0IQ==?\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 535 (its words are not shown, as they repeat the password)\n", .login = &login },
	{ "the password comes back as PLAIN sends it", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 535 unknown: AUTH PLAIN AGFubgBzZWNyZXQh\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 535 (its words are not shown, as they repeat the password)\n", .login = &login },
	{ "and with 421", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: 421 secret!\nE: shut\nW: (its words are not shown, as they repeat the password)\n", .login = &login },
	{ "and as garbage", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nS: secret!\nE: garbage\nW: (its words are not shown, as they repeat the password)\n", .login = &login },
	{ "a long password is not said with AUTH", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN\nS: 334 \nC: AGFubgBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcA==\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &long_secret },
	{ "a long name is not said with AUTH", 1, .lines =
	  AUTH("SCRAM-SHA-256") "C: AUTH SCRAM-SHA-256\nS: 334 \nC: Zmlyc3Q=\nX: close\nE: lost\n", .login = &long_user },
	{ "QUIT asked for in the login", 1, .lines =
	  AUTH("PLAIN") "C: AUTH PLAIN AGFubgBzZWNyZXQh\nQ:\nS: 235 ok\nC: QUIT\nS: 221 bye\nE: quit\n", .login = &login },
	{ "XOAUTH2", 1, .lines =
	  AUTH("PLAIN XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &token },
	{ "OAUTHBEARER stands before its ancestor", 1, .lines =
	  AUTH("XOAUTH2 OAUTHBEARER") "C: AUTH OAUTHBEARER bixhPWFubiwBYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &token },
	{ "OAUTHBEARER with a name that has to be escaped", 1, .lines =
	  AUTH("OAUTHBEARER") "C: AUTH OAUTHBEARER bixhPWE9MkNuPTNELAFhdXRoPUJlYXJlciBzZWNyZXQhAQE=\nS: 235 ok\n" MAIL "X: close\nE: lost\n", .login = &token_of },
	{ "XOAUTH2: the token is no good", 1, .lines =
	  AUTH("XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 334 eyJzdGF0dXMiOiI0MDAifQ==\nC: \nS: 535 5.7.3 no\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 535 5.7.3 no\n", .login = &token },
	{ "OAUTHBEARER: the token is no good", 1, .lines =
	  AUTH("OAUTHBEARER") "C: AUTH OAUTHBEARER bixhPWFubiwBYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 334 e30=\nC: AQ==\nS: 535 no\n" "C: QUIT\nE: auth-failed\n", .login = &token },
	{ "XOAUTH2: no at once", 1, .lines =
	  AUTH("XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 535 no\n" "C: QUIT\nE: auth-failed\n", .login = &token },
	{ "XOAUTH2: later", 1, .lines =
	  AUTH("XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 454 later\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example puts off the login of ann: 454 later\n", .login = &token },
	{ "XOAUTH2: yes after what was wrong is no yes", 1, .lines =
	  AUTH("XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 334 e30=\nC: \nS: 235 ok\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example said yes to the login before it was over\n", .login = &token },
	{ "XOAUTH2: asked again and again", 1, .lines =
	  AUTH("XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 334 e30=\nC: \nS: 334 e30=\nE: garbage\n", .login = &token },
	{ "XOAUTH2: lost", 1, .lines =
	  AUTH("XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nX: close\nE: lost\n", .login = &token },
	{ "XOAUTH2: lost behind what was wrong", 1, .lines =
	  AUTH("XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 334 e30=\nC: \nX: close\nE: lost\n", .login = &token },
	{ "offered and not known: the other form of it, and no password", 1, .lines =
	  AUTH("OAUTHBEARER XOAUTH2 PLAIN") "C: AUTH OAUTHBEARER bixhPWFubiwBYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 504 what\nC: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 504 what\nC: QUIT\nE: auth-failed\n",
	  .login = &token },
	{ "a token is not shown to who wants a password", 1, .lines =
	  AUTH("PLAIN LOGIN") "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example offers no way to log in that may be used; it offers PLAIN LOGIN\n", .login = &token },
	{ "a token is not said in the clear", 1, .lines =
	  AUTH("XOAUTH2") "C: QUIT\nE: auth-failed\n", .login = &token_by_tls },
	{ "the token comes back as it was sent", 1, .lines =
	  AUTH("XOAUTH2") "C: AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 535 what is dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0IQEB?\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 535 (its words are not shown, as they repeat the password)\n", .login = &token },
	{ "and as the other form", 1, .lines =
	  AUTH("OAUTHBEARER") "C: AUTH OAUTHBEARER bixhPWFubiwBYXV0aD1CZWFyZXIgc2VjcmV0IQEB\nS: 535 what is bixhPWFubiwBYXV0aD1CZWFyZXIgc2VjcmV0IQEB?\n" "C: QUIT\nE: auth-failed\n"
	  "W: route 'out': mx.h.example refuses the login of ann: 535 (its words are not shown, as they repeat the password)\n", .login = &token },
	{ .name = NULL },
};
