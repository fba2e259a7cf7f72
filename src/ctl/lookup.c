/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/lookup.h"

#include <string.h>
#include <unistd.h>

#include "ctl/user.h"
#include "lib/alias/expand.h"
#include "services/directory/alias_file.h"
#include "services/directory/db.h"
#include "services/directory/file.h"

enum { BUSY_MS = 1000, FILES_MAX = 16, TEXT_MAX = 1024 * 1024 };

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

/* --- one directory ---------------------------------------------------------------------- */

/* Who only compares passwords takes every address. */
static bool is_without_list(const struct conf_directory *d)
{
	return !d->sqlite.len && !d->file.len && !d->ldap.urls.count &&
	       !d->postgres.conninfo.count && !d->dovecot.userdb.len;
}

static void ask_directory(const struct conf *conf, struct str directory, struct str address,
			  struct lookup *out)
{
	const struct conf_directory *d = conf_directory_find(conf, directory);
	bool became = false;
	if (!d) cannot_tell(out, "there is no such directory");
	else if (d->file.len) ask_file(conf, d, address, out);
	else if (is_without_list(d))
		out->owner = (struct owner){ ANSWER_YES,
			keep(out->address, sizeof out->address, address),
			keep(out->home, sizeof out->home,
			     d->home.len ? d->home : conf->hostname) };
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

/* --- aliases ---------------------------------------------------------------------------- */

/* Files that have been read for this question. */
struct alias_files {
	struct lookup *out;
	struct alias_folders folders;
	struct {
		struct alias_file file;
		struct alias_table table;
		bool good;
	} at[FILES_MAX];
	size_t count;
};

static void say_problems(struct lookup *out, const struct alias_table *t)
{
	for (size_t i = 0; i < t->problem_count && i < ALIAS_PROBLEMS_MAX; i++) {
		alias_problem_write(&t->problems[i], &out->faults);
		buf_byte(&out->faults, '\n');
	}
}

static const struct alias_table *table_of(void *arg, const struct conf_domain *domain)
{
	struct alias_files *f = arg;
	size_t i = 0;
	while (i < f->count && !str_eq(buf_view(&f->at[i].file.path), domain->aliases)) i++;
	if (i == FILES_MAX) return NULL;
	if (i == f->count) {
		f->count++;
		f->at[i].good = alias_file_init(&f->at[i].file, &f->folders, domain->aliases) &&
				alias_file_read(&f->at[i].file, &f->at[i].table);
		say_problems(f->out, &f->at[i].table);
	}
	return f->at[i].good ? &f->at[i].table : NULL;
}

static void files_free(struct alias_files *f)
{
	for (size_t i = 0; i < f->count; i++) {
		alias_file_free(&f->at[i].file);
		alias_table_free(&f->at[i].table);
	}
	alias_folders_free(&f->folders);
}

static void answer(const struct conf *conf, struct alias_expansion *x, struct lookup *out)
{
	struct lookup one = { 0 };
	ask_directory(conf, x->question.directory, x->question.address, &one);
	enum alias_answer known = one.owner.known == ANSWER_YES ? ALIAS_ANSWER_YES
				  : one.owner.known == ANSWER_NO ? ALIAS_ANSWER_NO
								 : ALIAS_ANSWER_LATER;
	if (known == ALIAS_ANSWER_LATER) memcpy(out->why, one.why, sizeof out->why);
	alias_expand_answer(x, known, one.owner.address, one.owner.home);
}

static void conclude(const struct alias_expansion *x, struct lookup *out)
{
	static const enum answer known[] = {
		[ALIAS_NOBODY] = ANSWER_NO,
		[ALIAS_KNOWN] = ANSWER_YES,
		[ALIAS_LATER] = ANSWER_CANNOT_TELL,
		[ALIAS_CIRCLE] = ANSWER_CIRCLE,
	};
	out->owner.known = known[x->result];
	out->owner.address = keep(out->address, sizeof out->address,
				  (struct str){ x->owner, x->owner_len });
	out->owner.home =
		keep(out->home, sizeof out->home, (struct str){ x->home, x->home_len });
	out->stands_for = (enum stands_for)x->how;
	memcpy(out->rule, x->rule, sizeof out->rule);
	for (size_t i = 0; i < x->count; i++) {
		buf_byte(&out->targets, x->targets[i].known ? '+' : '-');
		buf_str(&out->targets, x->targets[i].address);
		buf_byte(&out->targets, '\n');
	}
	for (size_t i = 0; i < x->fault_count; i++) {
		alias_fault_rule(&x->faults[i], &out->faults);
		buf_str(&out->faults, STR(": "));
		buf_str(&out->faults, x->faults[i].address);
		buf_fmt(&out->faults, " %s\n", x->faults[i].reason);
	}
	if (x->result == ALIAS_LATER && !out->why[0])
		cannot_tell(out, "a file of aliases cannot be used");
}

static void expand(const struct conf *conf, struct str address, enum lookup_what what,
		   struct lookup *out)
{
	static struct alias_files files;
	struct alias_expansion x;
	files = (struct alias_files){ .out = out };
	const struct alias_where where = { conf, table_of, &files, what == LOOKUP_OWNER };
	alias_expand_begin(&x, &where, address);
	while (alias_expand_next(&x)) answer(conf, &x, out);
	conclude(&x, out);
	alias_expand_end(&x);
	files_free(&files);
}

void lookup_ask(const struct conf *conf, struct str directory, struct str address,
		enum lookup_what what, struct lookup *out)
{
	*out = (struct lookup){ 0 };
	buf_init(&out->targets, TEXT_MAX);
	buf_init(&out->faults, TEXT_MAX);
	if (alias_concerns(conf, address)) expand(conf, address, what, out);
	else ask_directory(conf, directory, address, out);
}

void lookup_free(struct lookup *out)
{
	buf_free(&out->targets);
	buf_free(&out->faults);
}
