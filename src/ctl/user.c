/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/user.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "ctl/password.h"
#include "lib/base/json.h"
#include "lib/ipc/identity.h"
#include "lib/smtp/address.h"
#include "services/directory/db.h"

enum { BUSY_MS = 5000 };

struct request {
	const struct conf *conf;
	struct str verb;
	struct str given;   /* address as typed; empty: none */
	struct str address; /* checked, in its shortest form */
	struct str home, directory, path;
	bool has_home, password_stdin, json, yes;
	char memory[SMTP_PATH_MAX];
};

/* "imsctl: user: SENTENCE". Typed text in it is escaped. */
static int complain(int status, const char *sentence, struct str about)
{
	char memory[1024];
	struct buf line;
	buf_init_fixed(&line, memory, sizeof memory);
	buf_str(&line, STR("imsctl: user: "));
	buf_str(&line, str_of(sentence));
	if (about.len) buf_str(&line, STR(": "));
	buf_escaped(&line, str_sub(about, 0, 200));
	buf_byte(&line, '\n');
	(void)fwrite(line.at, 1, line.len, stderr);
	return status;
}

static int usage(void)
{
	(void)fputs("usage: imsctl user add ADDRESS [--home SERVER] [--password-stdin] "
		    "[--directory NAME]\n"
		    "       imsctl user passwd ADDRESS [--directory NAME]\n"
		    "       imsctl user del ADDRESS [--yes] [--directory NAME]\n"
		    "       imsctl user list [--json] [--directory NAME]\n",
		    stderr);
	return EX_USAGE;
}

/* --- arguments ---------------------------------------------------------------------- */

enum option {
	OPTION_HOME,
	OPTION_STDIN,
	OPTION_DIRECTORY,
	OPTION_JSON,
	OPTION_YES,
	OPTIONS
};

static const struct {
	struct str name;
	bool value;
	const char *verbs; /* that take it */
} options[OPTIONS] = {
	[OPTION_HOME] = { STR_INIT("--home"), true, "add" },
	[OPTION_STDIN] = { STR_INIT("--password-stdin"), false, "add passwd" },
	[OPTION_DIRECTORY] = { STR_INIT("--directory"), true, "add passwd del list" },
	[OPTION_JSON] = { STR_INIT("--json"), false, "list" },
	[OPTION_YES] = { STR_INIT("--yes"), false, "del" },
};

static bool has_word(const char *words, struct str word)
{
	struct str rest = str_of(words);
	for (struct str next; (next = str_word(&rest)).len > 0;)
		if (str_eq(next, word)) return true;
	return false;
}

static void set_option(struct request *r, enum option option, struct str value)
{
	switch (option) {
	case OPTION_HOME:
		r->home = value;
		r->has_home = true;
		break;
	case OPTION_STDIN: r->password_stdin = true; break;
	case OPTION_DIRECTORY: r->directory = value; break;
	case OPTION_JSON: r->json = true; break;
	case OPTION_YES: r->yes = true; break;
	case OPTIONS: break;
	}
}

/* Takes "--name", "--name VALUE" or "--name=VALUE" at *at. */
static bool take_option(struct request *r, int argc, char **argv, int *at)
{
	struct str word = str_of(argv[*at]);
	ptrdiff_t equals = str_find(word, '=');
	struct str name = equals < 0 ? word : str_sub(word, 0, (size_t)equals);
	for (int i = 0; i < OPTIONS; i++) {
		if (!str_eq(name, options[i].name) ||
		    !has_word(options[i].verbs, r->verb))
			continue;
		struct str value =
			equals < 0 ? STR("") : str_from(word, (size_t)equals + 1);
		if (options[i].value && equals < 0) {
			if (*at + 1 >= argc) return false;
			value = str_of(argv[++*at]);
		}
		if (options[i].value != (value.len > 0)) return false;
		set_option(r, (enum option)i, value);
		return true;
	}
	return false;
}

static bool take_arguments(struct request *r, int argc, char **argv)
{
	if (argc < 1) return false;
	r->verb = str_of(argv[0]);
	if (!has_word("add passwd del list", r->verb)) return false;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-') {
			if (!take_option(r, argc, argv, &i)) return false;
		} else if (r->given.len == 0) {
			r->given = str_of(argv[i]);
		} else {
			return false;
		}
	}
	return (r->given.len > 0) == !str_eq(r->verb, STR("list"));
}

/* --- checks ------------------------------------------------------------------------- */

static int check_address(struct request *r)
{
	char memory[SMTP_PATH_MAX + 8];
	struct buf path;
	struct smtp_path parsed;
	struct str rest;
	buf_init_fixed(&path, memory, sizeof memory);
	buf_byte(&path, '<');
	buf_str(&path, r->given);
	buf_byte(&path, '>');
	if (path.overflowed ||
	    smtp_path_parse(buf_view(&path), SMTP_FORWARD_PATH, &parsed, &rest) !=
		    SMTP_PATH_OK ||
	    rest.len || parsed.domain.len == 0 || !str_eq(parsed.whole, r->given))
		return complain(EX_DATAERR, "this is not an address", r->given);
	struct buf out;
	buf_init_fixed(&out, r->memory, sizeof r->memory);
	smtp_path_write(&out, &parsed);
	r->address = buf_view(&out);
	return 0;
}

static int check_home(struct request *r)
{
	if (!r->has_home) r->home = r->conf->hostname;
	if (!r->has_home || smtp_domain_is_valid(r->home) ||
	    smtp_literal_is_valid(r->home))
		return 0;
	return complain(EX_DATAERR, "this is not the name of a server", r->home);
}

static int find_directory(struct request *r)
{
	const struct conf_directory *found = NULL;
	size_t count = 0;
	for (size_t i = 0; i < r->conf->directory_count; i++) {
		const struct conf_directory *d = &r->conf->directories[i];
		if (d->sqlite.len == 0) continue;
		if (r->directory.len && !str_eq(d->name, r->directory)) continue;
		found = d;
		count++;
	}
	if (count == 0 && r->directory.len)
		return complain(EX_CONFIG,
				"no SQLite directory of this name is configured",
				r->directory);
	if (count == 0)
		return complain(EX_CONFIG,
				"the configuration has no directory with users",
				STR("directory NAME { sqlite PATH }"));
	if (count > 1)
		return complain(EX_CONFIG, "there are several directories; say which",
				STR("--directory NAME"));
	r->path = found->sqlite;
	return 0;
}

/* Mail for the user would never come here: worth a word, but may be on purpose. */
static void warn_domain(const struct request *r)
{
	struct str local, domain;
	smtp_address_split(r->address, &local, &domain);
	for (size_t i = 0; i < r->conf->domain_count; i++)
		for (size_t j = 0; j < r->conf->domains[i].name_count; j++)
			if (str_eq_nocase(r->conf->domains[i].names[j], domain)) return;
	(void)complain(0, "note: the configuration has no domain block for", domain);
}

/* --- database ----------------------------------------------------------------------- */

static int status_of(enum directory_result result)
{
	switch (result) {
	case DIRECTORY_OK: return EX_OK;
	case DIRECTORY_NONE: return EX_NOUSER;
	case DIRECTORY_MISSING: return EX_NOUSER;
	case DIRECTORY_EXISTS: return EX_CANTCREAT;
	case DIRECTORY_BUSY: return EX_TEMPFAIL;
	case DIRECTORY_DENIED: return EX_NOPERM;
	case DIRECTORY_BROKEN: return EX_DATAERR;
	case DIRECTORY_FAILED: return EX_TEMPFAIL;
	}
	return EX_SOFTWARE;
}

int user_become_owner(int folder, struct str name, bool *became)
{
	char file[DIRECTORY_NAME_MAX + 1];
	struct stat st;
	if (geteuid() != 0) return 0;
	if (!str_to_cstr(name, file, sizeof file)) return -ENAMETOOLONG;
	if (fstatat(folder, file, &st, 0) != 0) return errno == ENOENT ? 0 : -errno;
	*became = true;
	return setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0 ? 0 : -errno;
}

void user_become_self(bool became)
{
	/* The user first: only root may change the group. */
	if (became && (seteuid(getuid()) != 0 || setegid(getgid()) != 0))
		_exit(complain(EX_OSERR, "cannot become root again", STR("")));
}

static int open_folder(const struct request *r, bool make)
{
	struct process_user user = role_user(ROLE_DIRECTORY);
	struct str name = directory_db_name(r->path);
	int folder = directory_db_folder(r->path, make, user.uid, user.gid);
	int error = folder < 0 || !make
			    ? folder
			    : directory_db_prepare(folder, name, user.uid, user.gid);
	if (error >= 0) return folder;
	if (folder >= 0) (void)close(folder);
	return error;
}

static int status_of_errno(int error, bool make)
{
	if (error == -EACCES || error == -EPERM) return EX_NOPERM;
	return make ? EX_CANTCREAT : EX_NOUSER;
}

typedef int act_fn(struct request *r, struct directory_db *db,
		   const struct directory_secrets *secrets);

static int with_open(struct request *r, int folder, act_fn *act,
		     const struct directory_secrets *secrets)
{
	char memory[256];
	struct buf why;
	struct directory_db *db = NULL;
	buf_init_fixed(&why, memory, sizeof memory - 1);
	enum directory_result result =
		directory_db_open(&db, folder, directory_db_name(r->path), BUSY_MS, &why);
	if (result != DIRECTORY_OK) {
		memory[why.len] = '\0';
		return complain(status_of(result), memory, r->path);
	}
	int status = act(r, db, secrets);
	directory_db_close(db);
	return status;
}

/* `make`: the database may not exist yet. */
static int with_database(struct request *r, bool make, act_fn *act,
			 const struct directory_secrets *secrets)
{
	bool became = false;
	int folder = open_folder(r, make);
	if (folder < 0)
		return complain(status_of_errno(folder, make), strerror(-folder),
				r->path);
	int error = user_become_owner(folder, directory_db_name(r->path), &became);
	int status = error ? complain(EX_NOPERM, strerror(-error), r->path)
			   : with_open(r, folder, act, secrets);
	user_become_self(became);
	(void)close(folder);
	return status;
}

static int tell(const struct request *r, struct directory_db *db,
		enum directory_result result, const char *done)
{
	char memory[256];
	struct buf text;
	switch (result) {
	case DIRECTORY_OK: (void)printf("%s %.*s\n", done, STR_ARG(r->address)); return 0;
	case DIRECTORY_NONE: return complain(EX_NOUSER, "no such user", r->address);
	case DIRECTORY_EXISTS:
		return complain(EX_CANTCREAT, "there is such a user or alias already",
				r->address);
	case DIRECTORY_MISSING:
	case DIRECTORY_BUSY:
	case DIRECTORY_DENIED:
	case DIRECTORY_BROKEN:
	case DIRECTORY_FAILED: break;
	}
	buf_init_fixed(&text, memory, sizeof memory);
	buf_str(&text, str_sub(directory_db_error(db), 0, sizeof memory - 1));
	buf_byte(&text, '\0');
	return complain(status_of(result), memory, r->path);
}

/* --- verbs -------------------------------------------------------------------------- */

static int act_add(struct request *r, struct directory_db *db,
		  const struct directory_secrets *secrets)
{
	return tell(r, db,
		    directory_db_add(db, r->address, r->home, secrets, time(NULL)),
		    "added");
}

static int act_passwd(struct request *r, struct directory_db *db,
		     const struct directory_secrets *secrets)
{
	return tell(r, db, directory_db_set_secrets(db, r->address, secrets),
		    "new password for");
}

static int act_del(struct request *r, struct directory_db *db,
		  const struct directory_secrets *secrets)
{
	(void)secrets;
	return tell(r, db, directory_db_remove(db, r->address), "removed");
}

static void put_time(struct buf *out, int64_t unix_s)
{
	time_t when = (time_t)unix_s;
	struct tm tm;
	char text[32];
	if (gmtime_r(&when, &tm) &&
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		buf_str(out, str_of(text));
}

static void put_json(struct buf *line, const struct directory_entry *e)
{
	char memory[32];
	struct buf created;
	struct json j = { .out = line };
	buf_init_fixed(&created, memory, sizeof memory);
	put_time(&created, e->created_s);
	json_begin_object(&j);
	json_str_at(&j, STR("address"), e->address);
	json_str_at(&j, STR("home"), e->home);
	json_str_at(&j, STR("created"), buf_view(&created));
	json_key(&j, STR("password"));
	json_bool(&j, e->has_password);
	json_key(&j, STR("disabled"));
	json_bool(&j, e->disabled);
	json_end_object(&j);
}

static void put_padded(struct buf *line, struct str text, size_t width)
{
	size_t from = line->len;
	buf_escaped(line, text);
	while (line->len - from < width && !line->overflowed) buf_byte(line, ' ');
	buf_byte(line, ' ');
}

static void print_entry(void *arg, const struct directory_entry *e)
{
	const struct request *r = arg;
	char memory[8192];
	struct buf line;
	buf_init_fixed(&line, memory, sizeof memory);
	if (r->json) {
		put_json(&line, e);
	} else {
		put_padded(&line, e->address, 35);
		put_padded(&line, e->home, 25);
		put_time(&line, e->created_s);
		if (!e->has_password) buf_str(&line, STR(" no-password"));
		if (e->disabled) buf_str(&line, STR(" disabled"));
	}
	buf_byte(&line, '\n');
	(void)fwrite(line.at, 1, line.len, stdout);
}

static int act_list(struct request *r, struct directory_db *db,
		   const struct directory_secrets *secrets)
{
	(void)secrets;
	enum directory_result result = directory_db_each(db, print_entry, r);
	if (result != DIRECTORY_OK) return tell(r, db, result, "");
	return fflush(stdout) == 0 ? 0 : complain(EX_TEMPFAIL, strerror(errno), STR(""));
}

/* What is stored of a password; the strings are views of the two buffers. */
struct stored {
	char verifier_memory[PASSWORD_HASH_MAX], scram_memory[DIRECTORY_SCRAM_MAX];
	struct directory_secrets secrets;
};

/* A password that SCRAM has no form for, because it is no text, can still be sent. */
static int derive_scram(const struct request *r, struct str password, struct buf *scram)
{
	static const struct { unsigned flags; const char *mechanism; } rows[] = {
		{ CONF_FLAG(AUTH_SCRAM_SHA_256) | CONF_FLAG(AUTH_SCRAM_SHA_256_PLUS),
		  "SCRAM-SHA-256" },
		{ CONF_FLAG(AUTH_SCRAM_SHA_1), "SCRAM-SHA-1" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!(r->conf->auth.mechanisms & rows[i].flags)) continue;
		if (scram->len) buf_byte(scram, ' ');
		int error = password_scram(scram, password, str_of(rows[i].mechanism));
		if (error == -EINVAL) {
			buf_reset(scram);
			return complain(0, "note: this password cannot be used with SCRAM",
					STR(""));
		}
		if (error) return error;
	}
	return 0;
}

static int derive(const struct request *r, struct str password, struct stored *stored)
{
	struct buf verifier, scram;
	buf_init_fixed(&verifier, stored->verifier_memory, sizeof stored->verifier_memory);
	buf_init_fixed(&scram, stored->scram_memory, sizeof stored->scram_memory);
	if (password_hash(&verifier, password) != 0 || derive_scram(r, password, &scram) != 0)
		return complain(EX_TEMPFAIL, "the password could not be hashed", STR(""));
	stored->secrets.verifier = buf_view(&verifier);
	stored->secrets.scram = buf_view(&scram);
	return 0;
}

/* Reads a password and hashes it. `optional`: an empty one at the terminal means none. */
static int read_secrets(const struct request *r, struct stored *stored, bool optional)
{
	char memory[PASSWORD_MAX + 2];
	struct buf password;
	buf_init_fixed(&password, memory, sizeof memory);
	enum password_result result = password_read(STDIN_FILENO, &password);
	int status = 0;
	if (result == PASSWORD_EMPTY && optional) status = 0;
	else if (result != PASSWORD_OK)
		status = complain(EX_DATAERR, password_sentence(result), STR(""));
	else
		status = derive(r, buf_view(&password), stored);
	explicit_bzero(memory, sizeof memory);
	return status;
}

static int run_add(struct request *r)
{
	struct stored stored = { 0 };
	int status = check_home(r);
	bool terminal = !r->password_stdin && isatty(STDIN_FILENO);
	if (!status && (r->password_stdin || terminal)) {
		if (terminal)
			(void)fputs("Empty for a user who cannot log in.\n", stderr);
		status = read_secrets(r, &stored, terminal);
	}
	if (!status) warn_domain(r);
	return status ? status : with_database(r, true, act_add, &stored.secrets);
}

static int run_passwd(struct request *r)
{
	struct stored stored = { 0 };
	int status = read_secrets(r, &stored, false);
	return status ? status : with_database(r, false, act_passwd, &stored.secrets);
}

static int run_del(struct request *r)
{
	if (!r->yes && isatty(STDIN_FILENO)) {
		(void)fprintf(stderr, "Remove 1 user, %.*s? [y/N] ", STR_ARG(r->address));
		int answer = getchar();
		if (answer != 'y' && answer != 'Y')
			return complain(0, "nothing done", STR(""));
	}
	return with_database(r, false, act_del, NULL);
}

/* A database that nobody has made yet has no users, which is no error. */
static int run_list(struct request *r)
{
	char path[DIRECTORY_PATH_MAX];
	if (str_to_cstr(r->path, path, sizeof path) && access(path, F_OK) != 0 &&
	    errno == ENOENT)
		return complain(0, "there is no database yet", r->path);
	return with_database(r, false, act_list, NULL);
}

int ctl_user(const struct conf *conf, bool json, bool yes, int argc, char **argv)
{
	struct request r = { .conf = conf, .json = json, .yes = yes };
	if (!take_arguments(&r, argc, argv)) return usage();
	int status = r.given.len ? check_address(&r) : 0;
	if (!status) status = find_directory(&r);
	if (status) return status;
	if (str_eq(r.verb, STR("add"))) return run_add(&r);
	if (str_eq(r.verb, STR("passwd"))) return run_passwd(&r);
	if (str_eq(r.verb, STR("del"))) return run_del(&r);
	return run_list(&r);
}
