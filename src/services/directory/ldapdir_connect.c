/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "services/directory/ldapdir_parts.h"

int64_t ldapdir_clock_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timeval ldapdir_time_left(int64_t until_ms)
{
	int64_t left = until_ms - ldapdir_clock_ms();
	if (left < 1) left = 1;
	return (struct timeval){ .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
}

void ldapdir_disconnect(LDAP *ld)
{
	if (ld) (void)ldap_unbind_ext(ld, NULL, NULL);
}

void ldapdir_words(LDAP *ld, char *text, size_t size)
{
	char *words = NULL;
	text[0] = '\0';
	if (ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words) != LDAP_OPT_SUCCESS ||
	    !words)
		return;
	/* What the library has for every trouble with TLS. */
	struct str told = str_of(words);
	if (str_eq(told, STR("(unknown error code)")))
		told = STR("TLS: is the certificate for this name, and its authority trusted?");
	(void)str_to_cstr(told, text, size);
	ldap_memfree(words);
}

static bool set(LDAP *ld, int option, const void *value)
{
	return ldap_set_option(ld, option, value) == LDAP_OPT_SUCCESS;
}

static const char *certificates_of(const struct backend_settings *c)
{
	return c->ldap.certificates[0] ? c->ldap.certificates
				       : "/etc/ssl/certs/ca-certificates.crt";
}

/* A certificate that nobody trusts, or that is for another name, ends the connection. */
static bool set_tls(LDAP *ld, const struct backend_settings *c)
{
	const int demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
	const int least = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
	return set(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) &&
	       set(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &least) &&
	       set(ld, LDAP_OPT_X_TLS_CACERTFILE, certificates_of(c)) &&
	       set(ld, LDAP_OPT_X_TLS_NEWCTX, &client);
}

static bool set_all(LDAP *ld, const struct backend_settings *c, const char *url,
		    int64_t until_ms)
{
	const int version = LDAP_VERSION3;
	const struct timeval left = ldapdir_time_left(until_ms);
	bool local = str_starts_nocase(str_of(url), STR("ldapi:"));
	return set(ld, LDAP_OPT_PROTOCOL_VERSION, &version) &&
	       set(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) &&
	       set(ld, LDAP_OPT_NETWORK_TIMEOUT, &left) && set(ld, LDAP_OPT_TIMEOUT, &left) &&
	       (local || set_tls(ld, c));
}

LDAP *ldapdir_connect(const struct backend_settings *c, const char *url, int64_t until_ms,
		   struct buf *why)
{
	char text[256] = "";
	LDAP *ld = NULL;
	int code = ldap_initialize(&ld, url);
	bool starttls = c->ldap.starttls && str_starts_nocase(str_of(url), STR("ldap:"));
	if (code == LDAP_SUCCESS && !set_all(ld, c, url, until_ms)) {
		buf_reset(why);
		buf_fmt(why, "the certificates of %s cannot be used", certificates_of(c));
		ldapdir_disconnect(ld);
		return NULL;
	}
	if (code == LDAP_SUCCESS && starttls) code = ldap_start_tls_s(ld, NULL, NULL);
	if (code == LDAP_SUCCESS) return ld;
	if (ld) ldapdir_words(ld, text, sizeof text);
	ldapdir_why(why, url, code, str_of(text));
	ldapdir_disconnect(ld);
	return NULL;
}

static int policy_of(LDAP *ld, LDAPControl **controls)
{
	ber_int_t expire, grace;
	LDAPPasswordPolicyError error = PP_noError;
	LDAPControl *found = controls ? ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE,
							  controls, NULL) : NULL;
	if (!found || ldap_parse_passwordpolicy_control(ld, found, &expire, &grace, &error) !=
			      LDAP_SUCCESS)
		return -1;
	return error == PP_noError ? -1 : (int)error;
}

static void take_result(LDAP *ld, LDAPMessage *message, struct ldapdir_bound *out)
{
	char *words = NULL;
	LDAPControl **controls = NULL;
	int code = ldap_parse_result(ld, message, &out->code, NULL, &words, NULL, &controls, 0);
	if (code != LDAP_SUCCESS) out->code = code;
	out->policy = policy_of(ld, controls);
	if (words) (void)str_to_cstr(str_of(words), out->text, sizeof out->text);
	ldap_memfree(words);
	if (controls) ldap_controls_free(controls);
}

struct ldapdir_bound ldapdir_simple_bind_by(LDAP *ld, const char *dn, struct str password,
				      int64_t until_ms)
{
	struct ldapdir_bound out = { .code = LDAP_INVALID_CREDENTIALS, .policy = -1 };
	if (!password.len || !dn[0]) return out;
	struct berval secret = { .bv_len = password.len,
				 .bv_val = (char *)(uintptr_t)password.at };
	char oid[] = LDAP_CONTROL_PASSWORDPOLICYREQUEST;
	LDAPControl policy = { .ldctl_oid = oid };
	LDAPControl *controls[] = { &policy, NULL };
	LDAPMessage *message = NULL;
	int id = 0;
	out.code = ldap_sasl_bind(ld, dn, LDAP_SASL_SIMPLE, &secret, controls, NULL, &id);
	if (out.code == LDAP_SUCCESS) {
		struct timeval left = ldapdir_time_left(until_ms);
		int got = ldap_result(ld, id, LDAP_MSG_ALL, &left, &message);
		if (got == LDAP_RES_BIND) take_result(ld, message, &out);
		else if (got == 0) out.code = LDAP_TIMEOUT;
		else if (ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &out.code) !=
				 LDAP_OPT_SUCCESS || out.code == LDAP_SUCCESS)
			out.code = LDAP_SERVER_DOWN;
	}
	if (!out.text[0] && out.code != LDAP_SUCCESS) ldapdir_words(ld, out.text, sizeof out.text);
	if (message) (void)ldap_msgfree(message);
	return out;
}
