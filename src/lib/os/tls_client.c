/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that we make: whom they trust, and how the other side shows who it is. */
#include <assert.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "lib/base/ip.h"
#include "lib/os/loop.h"
#include "lib/os/tls_parts.h"

enum { NAME_SIZE = 256, DEPTH_MAX = 10 };

/* --- settings ----------------------------------------------------------------------------- */

static bool take_trust(SSL_CTX *ctx, struct str pem, struct buf *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
	int count = bio ? tls_store_certificates(store, bio) : -1;
	BIO_free(bio);
	if (count < 0) return tls_says(why, "the certificates of who is trusted are not usable");
	ERR_clear_error();
	if (count == 0) buf_str(why, STR("there is no certificate of who is trusted in the file"));
	return count > 0;
}

static bool take_pair(SSL_CTX *ctx, struct str chain, struct str key_pem, struct buf *why)
{
	BIO *bio = BIO_new_mem_buf(chain.at, (int)chain.len);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL) : NULL;
	EVP_PKEY *key = leaf ? tls_read_key(key_pem) : NULL;
	bool good = false;
	if (!leaf) (void)tls_says(why, "there is no certificate in the file");
	else if (!key) (void)tls_says(why, "there is no private key without a passphrase in the file");
	else if (SSL_CTX_use_certificate(ctx, leaf) != 1)
		(void)tls_says(why, "the certificate is not usable");
	else if (!tls_add_chain(ctx, bio))
		(void)tls_says(why, "the chain behind the certificate is not usable");
	else if (X509_check_private_key(leaf, key) != 1)
		(void)tls_says(why, "the key does not belong to the certificate");
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
		(void)tls_says(why, "the key is not usable");
	else good = true;
	EVP_PKEY_free(key);
	X509_free(leaf);
	BIO_free(bio);
	return good;
}

static bool context_fill(struct tls_client *client, enum tls_profile profile, struct str trust,
                         struct str chain, struct str key, struct buf *why)
{
	client->ctx = SSL_CTX_new(TLS_client_method());
	if (!client->ctx || !tls_context_set_up(client->ctx, profile) ||
	    SSL_CTX_dane_enable(client->ctx) <= 0)
		return tls_says(why, "no memory");
	SSL_CTX_set_verify_depth(client->ctx, DEPTH_MAX);
	client->verifies = trust.len > 0;
	if (trust.len && !take_trust(client->ctx, trust, why)) return false;
	return chain.len == 0 || take_pair(client->ctx, chain, key, why);
}

struct tls_client *tls_client_new(enum tls_profile profile, struct str trust, struct str chain,
                                  struct str key, struct buf *why)
{
	ERR_clear_error();
	if (trust.len > TLS_TRUST_MAX || chain.len > TLS_PEM_MAX || key.len > TLS_PEM_MAX) {
		buf_str(why, STR("the file is too large"));
		return NULL;
	}
	struct tls_client *client = tls_prepare() ? calloc(1, sizeof *client) : NULL;
	if (!client) {
		buf_str(why, STR("no memory"));
		return NULL;
	}
	client->holders = 1;
	bool good = context_fill(client, profile, trust, chain, key, why);
	ERR_clear_error();
	if (good) return client;
	tls_client_free(client);
	return NULL;
}

void tls_client_free(struct tls_client *client)
{
	if (!client || --client->holders > 0) return;
	SSL_CTX_free(client->ctx);
	free(client);
}

/* --- one connection ----------------------------------------------------------------------- */

/* A name with a NUL in it would be another one to the library. */
static bool name_text(struct str name, char text[NAME_SIZE])
{
	return str_find(name, '\0') < 0 && str_to_cstr(name, text, NAME_SIZE);
}

static bool set_name(SSL *ssl, struct str name)
{
	char text[NAME_SIZE];
	struct ip ip;
	if (ip_parse(name, &ip)) {
		bool v4 = ip_is_v4(ip);
		return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl),
		                                 v4 ? ip.octets + 12 : ip.octets,
		                                 v4 ? 4 : sizeof ip.octets) == 1;
	}
	return name_text(name, text) && SSL_add1_host(ssl, text) == 1;
}

static bool set_sni(SSL *ssl, struct str name)
{
	char text[NAME_SIZE];
	if (name.len == 0) return true;
	return name_text(name, text) && SSL_set_tlsext_host_name(ssl, text) == 1;
}

/* How many of the records can be used; -1: no memory. What the usages 0 and 1 want (a public
 * authority, too) has no meaning for SMTP (RFC 7672 3.1.3). */
static int set_tlsa(SSL *ssl, const struct tls_peer *peer)
{
	char base[NAME_SIZE];
	int usable = 0;
	if (!name_text(peer->sni, base) || SSL_dane_enable(ssl, base) <= 0) return -1;
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < peer->tlsa_count; i++) {
		const struct tls_tlsa *r = &peer->tlsa[i];
		if (r->usage < 2 || r->usage > 3 || r->data.len == 0) continue;
		if (SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching,
		                      (const unsigned char *)r->data.at, r->data.len) > 0)
			usable++;
		ERR_clear_error();
	}
	return usable;
}

/* False: no memory, or a name that is none. */
static bool set_up(struct tls *t, int fd, const struct tls_peer *peer)
{
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1 || !set_sni(t->ssl, peer->sni)) return false;
	t->check = peer->check;
	if (t->check == TLS_CHECK_DANE) {
		int usable = set_tlsa(t->ssl, peer);
		if (usable < 0) return false;
		if (usable == 0) t->check = TLS_CHECK_NONE;
	}
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (size_t i = 0; t->check != TLS_CHECK_NONE && i < peer->name_count; i++)
		if (!set_name(t->ssl, peer->names[i])) return false;
	bool demands = t->check != TLS_CHECK_NONE && !peer->lenient;
	SSL_set_verify(t->ssl, demands ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_set_connect_state(t->ssl);
	return true;
}

struct tls *tls_connect(struct tls_client *client, int fd, const struct tls_peer *peer)
{
	assert(peer->name_count <= TLS_NAMES_MAX && peer->tlsa_count <= TLS_TLSA_MAX);
	/* Without a name to look for every certificate would do. */
	assert(peer->check == TLS_CHECK_NONE || peer->name_count > 0);
	struct tls *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->fault = "";
	t->wants = LOOP_READ;
	t->ssl = SSL_new(client->ctx);
	if (!set_up(t, fd, peer)) {
		SSL_free(t->ssl);
		free(t);
		ERR_clear_error();
		return NULL;
	}
	t->client = client;
	client->holders++;
	return t;
}

enum tls_defect tls_defect(const struct tls *t)
{
	long verdict = t->check != TLS_CHECK_NONE ? SSL_get_verify_result(t->ssl) : X509_V_OK;
	switch (verdict) {
	case X509_V_OK: return TLS_DEFECT_NONE;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH: return TLS_DEFECT_NAME;
	case X509_V_ERR_CERT_HAS_EXPIRED: return TLS_DEFECT_EXPIRED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CERT_UNTRUSTED: return TLS_DEFECT_UNTRUSTED;
	default: return TLS_DEFECT_OTHER;
	}
}

enum tls_check tls_checked(const struct tls *t)
{
	bool good = t->done && SSL_get_verify_result(t->ssl) == X509_V_OK;
	return good ? t->check : TLS_CHECK_NONE;
}
