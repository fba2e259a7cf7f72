/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/lookup.h"

#include <string.h>
#include <unistd.h>

#include "ctl/user.h"
#include "services/directory/db.h"
#include "services/directory/file.h"

enum { BUSY_MS = 1000 };

static void cannot_tell(struct lookup *out, const char *why)
{
	out->owner = (struct owner){ .known = ANSWER_CANNOT_TELL };
	(void)str_to_cstr(str_of(why), out->why, sizeof out->why);
}

static struct str keep(char *memory, size_t size, struct str text)
{
	(void)str_to_cstr(text, memory, size);
	return str_of(memory);
}

static void ask_open(struct directory_db *db, struct str address, struct lookup *out)
{
	struct directory_entry entry = { 0 };
	enum directory_result result = directory_db_lookup(db, address, &entry);
	if (result == DIRECTORY_OK) {
		out->owner = (struct owner){ ANSWER_YES,
			keep(out->address, sizeof out->address, entry.address),
			keep(out->home, sizeof out->home, entry.home) };
	} else if (result == DIRECTORY_NONE) {
		out->owner = (struct owner){ .known = ANSWER_NO };
	} else {
		struct str error = directory_db_error(db);
		cannot_tell(out, "");
		(void)str_to_cstr(error, out->why, sizeof out->why);
	}
}

static void ask(int folder, struct str path, struct str address, struct lookup *out)
{
	char memory[256];
	struct buf why;
	struct directory_db *db = NULL;
	buf_init_fixed(&why, memory, sizeof memory - 1);
	(void)directory_db_open(&db, folder, directory_db_name(path), BUSY_MS, &why);
	memory[why.len] = '\0';
	if (!db) {
		cannot_tell(out, memory);
		return;
	}
	ask_open(db, address, out);
	directory_db_close(db);
}

static void take_entry(enum backend_result result, const struct backend_entry *e,
		       const char *home, struct lookup *out)
{
	if (result == BACKEND_OK)
		out->owner = (struct owner){ ANSWER_YES,
			keep(out->address, sizeof out->address,
			     (struct str){ e->address, e->address_len }),
			keep(out->home, sizeof out->home,
			     e->home_len ? (struct str){ e->home, e->home_len }
					 : str_of(home)) };
	else if (result == BACKEND_NONE) out->owner = (struct owner){ .known = ANSWER_NO };
}

static void ask_file(const struct conf *conf, const struct conf_directory *d,
		     struct str address, struct lookup *out)
{
	char memory[BACKEND_WHY_MAX];
	struct buf why;
	struct backend_entry entry;
	struct backend_settings *settings = backend_settings_new(conf, d);
	buf_init_fixed(&why, memory, sizeof memory - 1);
	enum backend_result result =
		settings ? file_ask(settings, address, &entry, &why) : BACKEND_DOWN;
	memory[why.len] = '\0';
	if (result == BACKEND_OK || result == BACKEND_NONE)
		take_entry(result, &entry, settings->home, out);
	else cannot_tell(out, memory);
	backend_settings_free(settings);
}

void lookup_ask(const struct conf *conf, struct str directory, struct str address,
		struct lookup *out)
{
	const struct conf_directory *d = conf_directory_find(conf, directory);
	bool became = false;
	if (!d) cannot_tell(out, "there is no such directory");
	else if (d->file.len) ask_file(conf, d, address, out);
	else if (!d->sqlite.len) cannot_tell(out, "only the service can ask it");
	if (!d || !d->sqlite.len) return;
	int folder = directory_db_folder(d->sqlite, false, 0, 0);
	int error = folder < 0 ? folder
			       : user_become_owner(folder, directory_db_name(d->sqlite), &became);
	if (error) cannot_tell(out, strerror(-error));
	else ask(folder, d->sqlite, address, out);
	user_become_self(became);
	if (folder >= 0) (void)close(folder);
}
