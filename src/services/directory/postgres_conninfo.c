/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the text that says where a database is. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "services/directory/postgres.h"
#include "services/directory/wait.h"

static PQconninfoOption *parse(struct str conninfo, char **error)
{
	char text[POSTGRES_CONNINFO_MAX + 1];
	*error = NULL;
	return str_to_cstr(conninfo, text, sizeof text) ? PQconninfoParse(text, error)
							: NULL;
}

static bool is(const PQconninfoOption *o, const char *name)
{
	return strcmp(o->keyword, name) == 0 && o->val && o->val[0];
}

bool postgres_conninfo_check(struct str conninfo, struct buf *why)
{
	char *error;
	PQconninfoOption *all = parse(conninfo, &error);
	bool good = all;
	if (!all) why_say(why, "postgres", error ? str_of(error) : STR("no memory"));
	for (const PQconninfoOption *o = all; good && o->keyword; o++) {
		if (!is(o, "password") && !is(o, "sslpassword")) continue;
		why_say(why, "postgres", STR("the password belongs into a secret"));
		good = false;
	}
	PQconninfoFree(all);
	PQfreemem(error);
	return good;
}

void postgres_paths(struct str conninfo, void (*fn)(void *arg, const char *path),
		    void *arg)
{
	static const char *const names[] = { "sslcert", "sslkey", "sslrootcert", "sslcrl",
					     "sslcrldir" };
	char *error;
	PQconninfoOption *all = parse(conninfo, &error);
	for (const PQconninfoOption *o = all; o && o->keyword; o++)
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (is(o, names[i]) && o->val[0] == '/') fn(arg, o->val);
	PQconninfoFree(all);
	PQfreemem(error);
}
