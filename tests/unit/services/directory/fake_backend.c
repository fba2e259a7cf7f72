/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_backend.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct fake fake;

static _Atomic unsigned inside;

void fake_reset(void)
{
	fake.hang = false;
	while (inside) (void)usleep(1000);
	memset(&fake, 0, sizeof fake);
	fake.hang = true;
}

static void *fake_open(const struct backend_settings *c, struct buf *why)
{
	fake.opens++;
	if (fake.refuse) {
		buf_str(why, STR("connection refused"));
		return NULL;
	}
	(void)str_to_cstr((struct str){ c->secret, c->secret_len }, fake.secret,
			  sizeof fake.secret);
	return &fake;
}

static void fake_close(void *conn)
{
	(void)conn;
	fake.closes++;
}

static void put(struct backend_entry *e, const char *address, const char *home)
{
	(void)BACKEND_PUT(e, address, str_of(address));
	(void)BACKEND_PUT(e, home, str_of(home));
}

static bool lies(struct str address, struct backend_entry *e)
{
	if (str_starts(address, STR("lie-nul"))) {
		put(e, "a@b.example", "");
		e->address[1] = '\0';
	} else if (str_starts(address, STR("lie-line"))) {
		put(e, "a@b.example", "");
		e->address[1] = '\n';
	} else if (str_starts(address, STR("lie-name"))) {
		put(e, "nobody", "");
	} else if (str_starts(address, STR("lie-long"))) {
		put(e, "a@b.example", "");
		e->address_len = SIZE_MAX;
	} else if (str_starts(address, STR("lie-home"))) {
		put(e, "a@b.example", "x");
		e->home_len = sizeof e->home + 1;
	} else if (str_starts(address, STR("lie-blank"))) {
		put(e, "a@b.example", "");
		memcpy(e->home, "a b", 3);
		e->home_len = 3;
	} else if (str_starts(address, STR("lie-hash"))) {
		put(e, "a@b.example", "");
		e->verifier_len = sizeof e->verifier + 1;
	} else if (str_starts(address, STR("lie-key"))) {
		put(e, "a@b.example", "");
		e->scram_len = sizeof e->scram + 1;
	} else {
		return false;
	}
	return true;
}

static enum backend_result act(struct str address, struct backend_entry *e, struct buf *why)
{
	if (fake.slow_ms) (void)usleep((useconds_t)(fake.slow_ms * 1000));
	while (str_starts(address, STR("hang")) && fake.hang) (void)usleep(1000);
	if (atomic_exchange(&fake.drop_one, false)) return BACKEND_DOWN;
	if (fake.is_down || str_starts(address, STR("down"))) {
		buf_str(why, STR("out of order"));
		return BACKEND_DOWN;
	}
	if (str_starts(address, STR("unsure"))) {
		buf_str(why, STR("two entries match"));
		return BACKEND_UNSURE;
	}
	if (str_starts(address, STR("lie-what"))) return (enum backend_result)77;
	if (lies(address, e)) return BACKEND_OK;
	if (str_starts(address, STR("alias"))) put(e, "Ok@a.example", "far.example");
	else if (!str_starts(address, STR("ok")) && !str_starts(address, STR("hang")) &&
		 !str_starts(address, STR("staff@")))
		return BACKEND_NONE;
	return BACKEND_OK;
}

static enum backend_result fake_find(void *conn, struct str address,
				     struct backend_entry *entry, struct buf *why)
{
	(void)conn;
	inside++;
	fake.finds++;
	enum backend_result result = act(address, entry, why);
	entry->checks = true;
	inside--;
	return result;
}

/* Of "secret", a cheap one. */
static const char hash[] =
	"$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96"
	"Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/";
/* Of "pencil". */
static const char scram[] = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
			    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
			    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

static enum backend_result fake_list(void *conn, struct str address,
				     struct backend_entry *entry, struct buf *why)
{
	enum backend_result result = fake_find(conn, address, entry, why);
	entry->checks = false;
	if (result != BACKEND_OK || !str_starts(address, STR("ok"))) return result;
	(void)BACKEND_PUT(entry, verifier, str_of(hash));
	(void)BACKEND_PUT(entry, scram, str_of(scram));
	return result;
}

static enum backend_result fake_verify(void *conn, struct str address, struct str password,
				       struct backend_entry *entry, struct buf *why)
{
	(void)conn;
	inside++;
	fake.verifies++;
	enum backend_result result = act(address, entry, why);
	entry->checks = true;
	inside--;
	if (result != BACKEND_OK || str_eq(password, STR("secret"))) return result;
	if (str_eq(password, STR("expired"))) buf_str(why, STR("password expired"));
	return BACKEND_WRONG;
}

const struct backend fake_backend = {
	.name = "fake",
	.open = fake_open,
	.find = fake_find,
	.verify = fake_verify,
	.close = fake_close,
};

const struct backend fake_list_backend = {
	.name = "list",
	.open = fake_open,
	.find = fake_list,
	.close = fake_close,
};

const struct backend fake_checks_backend = {
	.name = "checks",
	.open = fake_open,
	.verify = fake_verify,
	.close = fake_close,
	.unlistable = true,
};
