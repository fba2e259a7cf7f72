/* SPDX-License-Identifier: Apache-2.0 */
#include "pem.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static void text_of(BIO *bio, char *out, size_t size)
{
	int len = BIO_read(bio, out, (int)size - 1);
	assert_true(len > 0);
	out[len] = '\0';
	BIO_free(bio);
}

static EVP_PKEY *key_make(int kind)
{
	EVP_PKEY *key = kind == PEM_EC ? EVP_EC_gen("P-256")
	                               : EVP_RSA_gen(kind == PEM_RSA ? 2048u : 512u);
	assert_non_null(key);
	return key;
}

static void extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(ext);
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

static X509 *cert_of(const char *pem, unsigned n)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	for (; n > 0; n--) {
		X509_free(cert);
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	}
	assert_non_null(cert);
	BIO_free(bio);
	return cert;
}

static EVP_PKEY *key_of(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	assert_non_null(key);
	BIO_free(bio);
	return key;
}

static void write_pair(struct pem *p, X509 *cert, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, cert);
	text_of(bio, p->cert, sizeof p->cert);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	text_of(bio, p->key, sizeof p->key);
}

void pem_sign(struct pem *p, const struct pem *issuer, const char *names, long days)
{
	static long serial = 100;
	EVP_PKEY *key = key_make(PEM_EC);
	EVP_PKEY *by = issuer ? key_of(issuer->key) : key;
	X509 *cert = X509_new(), *above = issuer ? cert_of(issuer->cert, 0) : cert;
	assert_non_null(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -1000 * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * 86400L);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)(issuer ? "leaf" : "CA"), -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(above));
	if (names) extend(cert, NID_subject_alt_name, names);
	extend(cert, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
	assert_true(X509_sign(cert, by, EVP_sha256()) > 0);
	write_pair(p, cert, key);
	if (issuer) {
		size_t len = strlen(p->cert);
		assert_true(len + strlen(issuer->cert) < sizeof p->cert);
		memcpy(p->cert + len, issuer->cert, strlen(issuer->cert) + 1);
		X509_free(above);
		EVP_PKEY_free(by);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
}

void pem_tlsa(const struct pem *p, unsigned n, int selector, unsigned char out[32])
{
	X509 *cert = cert_of(p->cert, n);
	unsigned char *der = NULL;
	int len = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der)
			   : i2d_X509(cert, &der);
	assert_true(len > 0);
	assert_int_equal(EVP_Digest(der, (size_t)len, out, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	X509_free(cert);
}

void pem_make(struct pem *p, const char *names, int kind, long days)
{
	EVP_PKEY *key = key_make(kind);
	X509 *cert = X509_new();
	assert_non_null(cert);
	assert_int_equal(X509_set_version(cert, 2), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -1000 * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * 86400L);
	X509_set_pubkey(cert, key);
	X509_NAME *name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"cn.example",
	                           -1, -1, 0);
	X509_set_issuer_name(cert, name);
	if (names) extend(cert, NID_subject_alt_name, names);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	write_pair(p, cert, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void pem_put(struct buf *out, const struct pem *p)
{
	buf_put_str(out, str_of(p->cert));
	buf_put_str(out, str_of(p->key));
}

SSL *pem_client(int fd, const char *name, int oldest, int newest)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0"), 1);
	SSL_CTX_set_min_proto_version(ctx, oldest);
	SSL_CTX_set_max_proto_version(ctx, newest);
	SSL *ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	assert_non_null(ssl);
	if (name) SSL_set_tlsext_host_name(ssl, name);
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	return ssl;
}

const char *pem_peer_name(SSL *client)
{
	static char text[256];
	X509 *cert = SSL_get0_peer_certificate(client);
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	text[0] = '\0';
	if (sk_GENERAL_NAME_num(names) > 0) {
		const ASN1_STRING *s = sk_GENERAL_NAME_value(names, 0)->d.dNSName;
		memcpy(text, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
		text[ASN1_STRING_length(s)] = '\0';
	}
	GENERAL_NAMES_free(names);
	return text;
}
