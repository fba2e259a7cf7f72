/* SPDX-License-Identifier: Apache-2.0 */
/* A login, as auth.c (its life and its answer) and auth_check.c (what it is judged by) see
 * it. */
#ifndef IMS_DIRECTORY_AUTH_SESSION_H
#define IMS_DIRECTORY_AUTH_SESSION_H

#include "lib/base/map.h"
#include "lib/policy/throttle.h"
#include "services/directory/auth.h"
#include "services/directory/checker.h"
#include "services/directory/oauth.h"
#include "services/directory/sasl.h"
#include "services/directory/verified.h"

enum { AUTH_RESPONSE_MAX = 16 * 1024, AUTH_BINDING_MAX = 128, AUTH_WHY_MAX = 128 };

enum state {
	AT_CLIENT, /* it owes a response */
	AT_FIND,   /* a directory says who he is */
	AT_CHECK,  /* a thread compares the password */
	AT_TOKEN,  /* its issuer is asked */
	AT_FAULT,  /* it is told why its token was refused, and owes an empty word */
	AT_DELAY,  /* refused; the answer waits */
};

struct session {
	struct link age;  /* in auth->sessions, oldest first */
	struct auth *auth;
	struct channel *ch; /* NULL: nobody waits for the answer */
	uint64_t key, serial, query;
	struct sasl_session *sasl;
	struct ip client;
	int64_t began_ms, due_ms;
	enum state state;
	char why[AUTH_WHY_MAX]; /* of the refusal */
	bool known;             /* the name is a user's */
	bool banned;            /* by this failure */
	bool tls, xoauth2;
	bool has_token;         /* that is how he proves who he is */
	uint64_t guess;         /* of a token or a certificate */
	struct verified_mark mark;
	char name[DIRECTORY_ADDRESS_MAX]; /* as given, cut */
	size_t name_len;
	char address[DIRECTORY_ADDRESS_MAX]; /* the entry's own */
	size_t address_len;
	/* while a directory is asked that answers later */
	struct pool_ask ask;
	char *response; /* the first one: the mechanism begins again with it */
	size_t response_len;
	char mechanism[32];
	unsigned char binding[AUTH_BINDING_MAX];
	size_t binding_len;
	struct auth_user *user; /* what it found; NULL: nothing yet */
	bool wants;             /* keys, of a user who has to be asked for */
};

struct auth {
	struct directory *d;
	struct sasl *sasl;
	struct checker *checker;
	struct verified *verified;
	struct oauth *oauth; /* NULL: nobody's tokens are good */
	struct throttle *throttle;
	struct loop_timer *tick;
	struct map by_key, by_serial;
	struct link sessions;
	size_t count;
	uint64_t serial;
	bool ticking;
	char secret[DIRECTORY_SECRET];
};

/* auth.c */
int64_t auth_now_ms(const struct auth *a);
struct str auth_name(const struct session *s);
void auth_reply_later(struct session *s, const char *reason);
/* `guess`: what was tried, as far as that can be told from others. */
void auth_refuse(struct session *s, struct str reason, uint64_t guess);
/* The same, and the client is told more first (of tokens: RFC 7628 3.2.2). */
void auth_refuse_saying(struct session *s, struct str reason, uint64_t guess, struct str text);
void auth_accept(struct session *s);
/* Whether the login may go on; answers it if not. */
bool auth_is_open(struct session *s);
/* The mechanism has the keys that it wanted: it begins again with the first response. */
void auth_begin_again(struct session *s);

/* auth_check.c */
struct str auth_wrong(const struct session *s); /* why he is refused */
void auth_check_password(struct session *s);
/* For auth_begin_again, or at once: what the mechanism wants to know of a user. */
sasl_keys_fn auth_find_keys;
void auth_find_user(struct session *s);
checker_fn auth_checked;

/* auth_proof.c: who has proved elsewhere who he is, by a token or by a certificate */
void auth_check_token(struct session *s);
/* `user`: what receive found in a certificate that it has verified; `as`: whom the client
 * wants to be, or empty. */
void auth_check_certificate(struct session *s, struct str user, struct str as);
oauth_fn auth_token_checked;

#endif
