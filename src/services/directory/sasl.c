/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/sasl.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"

typedef bool bearer_parse_fn(struct str message, struct bearer *out);

struct sasl {
	Gsasl *library;
	sasl_keys_fn *keys;
};

struct sasl_session {
	struct sasl *sasl;
	void *arg;
	Gsasl_session *session;     /* NULL: PLAIN, or a token */
	char *user, *password;      /* of PLAIN; or the token */
	struct str mechanism;       /* one of the table's */
	bearer_parse_fn *bearer;    /* NULL: it carries no token */
	bool asked, later;          /* for keys; in vain */
	bool proved;                /* only the client's empty word is missing */
};

/* Nothing else that the library could do is ever started. */
static const struct { struct str name; bool scram; bearer_parse_fn *bearer; } mechanisms[] = {
	{ STR_INIT("PLAIN"), false, NULL },
	{ STR_INIT("LOGIN"), false, NULL },
	{ STR_INIT("SCRAM-SHA-256"), true, NULL },
	{ STR_INIT("SCRAM-SHA-256-PLUS"), true, NULL },
	{ STR_INIT("SCRAM-SHA-1"), true, NULL },
	{ STR_INIT("XOAUTH2"), false, bearer_xoauth2_parse },
	{ STR_INIT("OAUTHBEARER"), false, bearer_oauthbearer_parse },
};

static bool property_set(struct sasl_session *s, Gsasl_property property, struct str value)
{
	return gsasl_property_set_raw(s->session, property, value.at, value.len) == GSASL_OK;
}

static bool keys_set(struct sasl_session *s)
{
	char text[16];
	struct buf number;
	struct scram_keys keys;
	if (!s->sasl->keys(s->arg, sasl_user(s), s->mechanism, &keys)) return false;
	buf_init_fixed(&number, text, sizeof text);
	buf_u64(&number, keys.iterations);
	return property_set(s, GSASL_SCRAM_ITER, buf_view(&number)) &&
	       property_set(s, GSASL_SCRAM_SALT, keys.salt) &&
	       property_set(s, GSASL_SCRAM_STOREDKEY, keys.stored) &&
	       property_set(s, GSASL_SCRAM_SERVERKEY, keys.server);
}

/* The library asks for what it does not have. */
static int callback(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
	struct sasl_session *s = gsasl_session_hook_get(session);
	(void)library;
	if (s->asked) return GSASL_NO_CALLBACK;
	if (property != GSASL_SCRAM_ITER && property != GSASL_SCRAM_SALT)
		return GSASL_NO_CALLBACK;
	s->asked = true;
	s->later = !keys_set(s);
	return s->later ? GSASL_NO_CALLBACK : GSASL_OK;
}

struct sasl *sasl_new(sasl_keys_fn *keys)
{
	struct sasl *s = calloc(1, sizeof *s);
	if (!s) return NULL;
	s->keys = keys;
	if (gsasl_init(&s->library) != GSASL_OK) {
		free(s);
		return NULL;
	}
	gsasl_callback_set(s->library, callback);
	return s;
}

void sasl_free(struct sasl *s)
{
	if (!s) return;
	gsasl_done(s->library);
	free(s);
}

static bool binding_set(struct sasl_session *s, struct str binding)
{
	char memory[512];
	struct buf text;
	if (!binding.len) return true;
	buf_init_fixed(&text, memory, sizeof memory);
	base64_encode(&text, binding);
	return !text.overflowed && property_set(s, GSASL_CB_TLS_EXPORTER, buf_view(&text));
}

struct sasl_session *sasl_begin(struct sasl *s, struct str mechanism, struct str binding,
				void *arg)
{
	size_t at = 0, count = sizeof mechanisms / sizeof *mechanisms;
	while (at < count && !str_eq_nocase(mechanism, mechanisms[at].name)) at++;
	struct sasl_session *session = at < count ? calloc(1, sizeof *session) : NULL;
	if (!session) return NULL;
	session->sasl = s;
	session->arg = arg;
	session->mechanism = mechanisms[at].name;
	session->bearer = mechanisms[at].bearer;
	if (!mechanisms[at].scram) return session;
	if (gsasl_server_start(s->library, mechanisms[at].name.at, &session->session) !=
	    GSASL_OK) {
		free(session);
		return NULL;
	}
	gsasl_session_hook_set(session->session, session);
	if (binding_set(session, binding)) return session;
	sasl_end(session);
	return NULL;
}

static void wiped_free(char *text)
{
	if (text) explicit_bzero(text, strlen(text));
	free(text);
}

void sasl_end(struct sasl_session *s)
{
	if (!s) return;
	if (s->session) gsasl_finish(s->session);
	free(s->user);
	wiped_free(s->password);
	free(s);
}

static struct str property(struct sasl_session *s, Gsasl_property which)
{
	const char *text = gsasl_property_fast(s->session, which);
	return str_of(text ? text : "");
}

struct str sasl_user(struct sasl_session *s)
{
	return s->session ? property(s, GSASL_AUTHID) : str_of(s->user ? s->user : "");
}

struct str sasl_password(struct sasl_session *s)
{
	return str_of(s->password ? s->password : "");
}

static char *prepared(char *password)
{
	char *text = NULL;
	if (!password || gsasl_saslprep(password, 0, &text, NULL) != GSASL_OK || !text)
		return password;
	wiped_free(password);
	return text;
}

/* RFC 4616 2: NUL between three parts, of which the last two are not empty, and nobody
 * acts for another here. A NUL more would end the password early where it is compared. */
static enum sasl_result plain(struct sasl_session *s, struct str response)
{
	struct str password = response, as = str_cut(&password, '\0');
	struct str user = str_cut(&password, '\0');
	if (s->user || !user.len || str_find(password, '\0') >= 0) return SASL_NO;
	s->user = strndup(user.at, user.len);
	if (!s->user) return SASL_LATER;
	if (!password.len || (as.len && !str_eq(as, user))) return SASL_NO;
	s->password = prepared(strndup(password.at, password.len));
	return s->password ? SASL_PASSWORD : SASL_LATER;
}

static enum sasl_result bearer(struct sasl_session *s, struct str response)
{
	struct bearer b;
	if (s->user || !s->bearer(response, &b)) return SASL_NO;
	s->user = strndup(b.user.at ? b.user.at : "", b.user.len);
	s->password = strndup(b.token.at, b.token.len);
	return s->user && s->password ? SASL_TOKEN : SASL_LATER;
}

/* Nobody acts for another. */
static bool is_for_himself(struct sasl_session *s)
{
	struct str as = property(s, GSASL_AUTHZID);
	return as.len == 0 || str_eq(as, sasl_user(s));
}

static enum sasl_result result_of(struct sasl_session *s, int code, bool says)
{
	if (s->later || code == GSASL_MALLOC_ERROR || code == GSASL_CRYPTO_ERROR)
		return SASL_LATER;
	if (code == GSASL_NEEDS_MORE) return SASL_CHALLENGE;
	if (code != GSASL_OK || !is_for_himself(s)) return SASL_NO;
	/* RFC 4954 4: what is said with success goes in a challenge, which the client
	 * answers with nothing. */
	s->proved = true;
	return says ? SASL_CHALLENGE : SASL_YES;
}

enum sasl_result sasl_step(struct sasl_session *s, struct str response,
			   struct buf *challenge)
{
	char *out = NULL;
	size_t len = 0;
	if (s->bearer) return bearer(s, response);
	if (!s->session) return plain(s, response);
	if (s->proved) return response.len == 0 ? SASL_YES : SASL_NO;
	int code = gsasl_step(s->session, response.len ? response.at : "", response.len, &out,
			      &len);
	enum sasl_result result = result_of(s, code, len > 0);
	if (result == SASL_CHALLENGE) {
		buf_bytes(challenge, out ? out : "", len);
		if (challenge->overflowed) result = SASL_NO;
	}
	gsasl_free(out);
	return result;
}
