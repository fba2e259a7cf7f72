/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "lib/base/base64.h"
#include "services/directory/auth.h"
#include "services/directory/verified.h"

/* A hash of nothing that anybody knows, with the costs that `imsctl user` takes: it is
 * compared where there is no user, so that the answer takes as long. */
static const struct str nobodys_hash = STR_INIT(
	"$y$j9T$Kq7n0vHc1y5sWbQ0dE8rP1$u5r5V6oZ9mB0d6v2K5qS4nC8yTtXwRkJfLgHsDpAzE1");

/* The directory of the address's domain; none if that is not served here. */
static void find_directory(struct directory *d, struct auth_place *place)
{
	ptrdiff_t at = str_rfind(place->address, '@');
	if (at < 0) return;
	const struct conf_domain *domain = conf_domain_find(
		d->frame->conf, str_from(place->address, (size_t)at + 1));
	if (!domain || !domain->users.directory) return;
	place->source = source_find(d, domain->users.name);
	place->remote = remote_find(d, domain->users.name);
}

/* A name without a domain is one of the only domain, if there is only one. */
static struct str whole_address(struct directory *d, struct str name, struct buf *out)
{
	const struct conf *conf = d->frame->conf;
	const struct conf_domain *only = NULL;
	if (str_find(name, '@') >= 0) return name;
	for (size_t i = 0; i < conf->domain_count; i++) {
		if (!conf->domains[i].users.directory) continue;
		if (only || conf->domains[i].name_count > 1) return name;
		only = &conf->domains[i];
	}
	if (!only) return name;
	buf_str(out, name);
	buf_byte(out, '@');
	buf_str(out, only->names[0]);
	return out->overflowed ? name : buf_view(out);
}

void auth_place_find(struct directory *d, struct str name, struct auth_place *place)
{
	struct buf whole;
	buf_init_fixed(&whole, place->memory, sizeof place->memory);
	place->source = NULL;
	place->remote = NULL;
	place->address = whole_address(d, name, &whole);
	find_directory(d, place);
}

static struct str keep_base64(struct buf *to, const unsigned char *octets, size_t len)
{
	size_t from = to->len;
	base64_encode(to, (struct str){ (const char *)octets, len });
	return str_from(buf_view(to), from);
}

/* The same name gets the same salt for ever, as a real one does; the keys fit no password.
 * Upper and lower case are one name, as they are for a real one. */
static void make_up_keys(struct auth_user *user, struct buf *text, struct str name,
			 struct str mechanism, const char secret[DIRECTORY_SECRET])
{
	unsigned char key[VERIFIED_KEY], octets[VERIFIED_KEY];
	char lower[DIRECTORY_ADDRESS_MAX];
	name = str_sub(name, 0, sizeof lower);
	for (size_t i = 0; i < name.len; i++) lower[i] = ascii_lower(name.at[i]);
	name.at = lower;
	memcpy(key, secret, sizeof key);
	size_t size = scram_key_size(mechanism);
	user->keys = (struct scram_keys){ .mechanism = mechanism,
					  .iterations = SCRAM_ITERATIONS };
	keyed_hash(key, STR("salt"), name, octets);
	user->keys.salt = keep_base64(text, octets, SCRAM_SALT);
	keyed_hash(key, STR("stored"), name, octets);
	user->keys.stored = keep_base64(text, octets, size);
	keyed_hash(key, STR("server"), name, octets);
	user->keys.server = keep_base64(text, octets, size);
}

static void keep(struct auth_user *user, struct buf *text, struct str mechanism,
		 const struct directory_login *login)
{
	struct buf address;
	buf_init_fixed(&address, user->address, sizeof user->address);
	buf_str(&address, login->address);
	user->address_len = address.len;
	user->listed = true;
	if (!mechanism.len && login->verifier.len) {
		buf_str(text, login->verifier);
		user->verifier = buf_view(text);
		user->known = ANSWER_YES;
	}
	struct scram_keys found;
	if (!mechanism.len || !scram_find(login->scram, mechanism, &found)) return;
	buf_str(text, login->scram);
	if (scram_find(buf_view(text), mechanism, &user->keys)) user->known = ANSWER_YES;
}

static void user_begin(struct auth_user *user, struct buf *text)
{
	buf_init_fixed(text, user->text, sizeof user->text);
	*user = (struct auth_user){ .known = ANSWER_NO, .verifier = nobodys_hash };
}

static void user_end(struct auth_user *user, struct buf *text, struct str address,
		     struct str mechanism, const char secret[DIRECTORY_SECRET])
{
	if (user->known != ANSWER_NO || !mechanism.len) return;
	buf_reset(text);
	make_up_keys(user, text, address, mechanism, secret);
}

void auth_user_find(struct directory *d, const struct auth_place *place, struct str mechanism,
		    const char secret[DIRECTORY_SECRET], struct auth_user *user)
{
	char own[DIRECTORY_SECRET];
	struct buf text;
	struct directory_login login = { 0 };
	struct source *source = place->source;
	user_begin(user, &text);
	memcpy(own, secret, sizeof own);
	if (source) {
		enum answer answer = source_login(d, source, place->address, &login);
		/* Where another compares passwords, those of the list are worth nothing. */
		if (place->remote && place->remote->checks) login.scram = STR("");
		if (answer == ANSWER_YES) keep(user, &text, mechanism, &login);
		if (answer == ANSWER_NO && mechanism.len &&
		    directory_db_secret(source->db, own) != DIRECTORY_OK)
			answer = ANSWER_LATER;
		if (answer == ANSWER_LATER) user->known = ANSWER_LATER;
	}
	user_end(user, &text, place->address, mechanism, own);
	explicit_bzero(own, sizeof own);
}

void auth_user_set(const struct pool_answer *answer, struct str address, struct str mechanism,
		   const char secret[DIRECTORY_SECRET], struct auth_user *user)
{
	struct buf text;
	const struct backend_entry *e = answer->entry;
	user_begin(user, &text);
	if (answer->result == BACKEND_OK) {
		const struct directory_login login = {
			.address = { e->address, e->address_len },
			.verifier = { e->verifier, e->verifier_len },
			.scram = { e->scram, e->scram_len },
		};
		keep(user, &text, mechanism, &login);
	} else if (answer->result != BACKEND_NONE) {
		user->known = ANSWER_LATER;
	}
	user_end(user, &text, address, mechanism, secret);
}
