/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the main file, what it includes, and files of lines into a bundle. What the texts
 * mean is conf_parse's business; here only the statements that name a file count. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf/error.h"

enum { PATH_TEXT_MAX = 4096, SYSTEM_NAME_MAX = 256 };

struct loader {
	struct conf_bundle *bundle;
	struct conf_errors *errors;
	dev_t devices[CONF_FILES_MAX]; /* of bundle->files */
	ino_t inodes[CONF_FILES_MAX];
	size_t parents[CONF_FILES_MAX]; /* who included it */
	/* the statement that is being followed */
	size_t at; /* its file */
	struct conf_token token;
};

#define REPORT(l, ...) \
	do { \
		if ((l)->bundle->count == 0) { \
			conf_report_file((l)->errors, STR(""), __VA_ARGS__); \
			break; \
		} \
		const struct conf_source *source_ = &(l)->bundle->files[(l)->at]; \
		struct conf_place place_ = { source_->name, source_->text, (l)->token }; \
		conf_report((l)->errors, CONF_ERROR, &place_, __VA_ARGS__); \
	} while (0)

static void report_unread(struct loader *l, const char *path, int error)
{
	struct conf_quote quote;
	REPORT(l, "cannot read '%s': %s", conf_quote(&quote, str_of(path)),
	       strerror(error));
}

/* 0, or an errno; EFBIG if it is longer than a file may be. */
static int read_text(int fd, struct buf *text)
{
	for (;;) {
		char *room = buf_room(text, 64 * 1024);
		if (!room) return text->len + 64 * 1024 > CONF_FILE_MAX ? EFBIG : ENOMEM;
		ssize_t got = read(fd, room, 64 * 1024);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return errno;
		if (got == 0) return text->len > CONF_FILE_MAX ? EFBIG : 0;
		buf_added(text, (size_t)got);
	}
}

/* O_NONBLOCK: a FIFO must not stop us; it is refused as no regular file. */
static int open_file(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return -errno;
	int error = fstat(fd, st)          ? errno
		    : S_ISDIR(st->st_mode) ? EISDIR
		    : S_ISREG(st->st_mode) ? 0
					   : EINVAL;
	if (!error) return fd;
	(void)close(fd);
	return -error;
}

/* A file that is there already: in a circle if it is the reader or its includer. */
static bool is_known(struct loader *l, const char *path, const struct stat *st)
{
	struct conf_quote quote;
	for (size_t i = 0; i < l->bundle->count; i++) {
		if (l->devices[i] != st->st_dev || l->inodes[i] != st->st_ino) continue;
		bool circle = false;
		for (size_t up = l->at;; up = l->parents[up]) {
			circle |= up == i;
			if (up == 0) break;
		}
		REPORT(l, circle ? "'%s' includes itself" : "'%s' is read already",
		       conf_quote(&quote, str_of(path)));
		return true;
	}
	return false;
}

static void add_file(struct loader *l, enum conf_source_kind kind, const char *path)
{
	struct stat st;
	struct conf_quote quote;
	size_t index = l->bundle->count;
	if (index == CONF_FILES_MAX) {
		REPORT(l, "a configuration has at most %d files", CONF_FILES_MAX);
		return;
	}
	int fd = open_file(path, &st);
	if (fd < 0) {
		report_unread(l, path, -fd);
		return;
	}
	struct buf text;
	buf_init(&text, CONF_FILE_MAX + 128 * 1024);
	int error = is_known(l, path, &st) ? -1 : read_text(fd, &text);
	(void)close(fd);
	if (error == EFBIG) {
		REPORT(l, "'%s' is longer than %d bytes",
		       conf_quote(&quote, str_of(path)), CONF_FILE_MAX);
	} else if (error > 0) {
		report_unread(l, path, error);
	} else if (error == 0) {
		l->devices[index] = st.st_dev;
		l->inodes[index] = st.st_ino;
		l->parents[index] = l->at;
		if (!conf_bundle_add(l->bundle, kind, str_of(path), buf_view(&text)))
			REPORT(l,
			       "the files of the configuration have more than %d bytes",
			       CONF_BUNDLE_MAX);
	}
	buf_free(&text);
}

/* Pattern relative to the folder of the file that has it; the folder's own name is no
 * pattern. */
static bool make_pattern(const struct loader *l, struct str pattern, char *out,
			 size_t size)
{
	struct buf path;
	struct str name = l->bundle->files[l->at].name;
	struct str folder = str_sub(name, 0, (size_t)(str_rfind(name, '/') + 1));
	buf_init_fixed(&path, out, size - 1);
	if (pattern.at[0] == '/') folder = STR("");
	for (size_t i = 0; i < folder.len; i++) {
		if (str_find(STR("*?[]\\"), folder.at[i]) >= 0) buf_byte(&path, '\\');
		buf_byte(&path, folder.at[i]);
	}
	buf_str(&path, pattern);
	out[path.len] = '\0';
	return !path.overflowed;
}

/* A folder that is not there has no files; any other trouble ends the search. */
static int search_failed(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

static bool has_wildcard(struct str pattern)
{
	return str_find(pattern, '*') >= 0 || str_find(pattern, '?') >= 0 ||
	       str_find(pattern, '[') >= 0;
}

static void include(struct loader *l, struct str pattern)
{
	char path[PATH_TEXT_MAX];
	glob_t found = { 0 };
	if (!make_pattern(l, pattern, path, sizeof path)) {
		REPORT(l, "this path is too long");
		return;
	}
	int result = glob(path, 0, search_failed, &found);
	struct conf_quote quote;
	if (result == GLOB_NOMATCH && !has_wildcard(pattern))
		REPORT(l, "there is no file '%s'", conf_quote(&quote, pattern));
	else if (result && result != GLOB_NOMATCH)
		REPORT(l, "cannot read the files of '%s'", conf_quote(&quote, pattern));
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
		add_file(l, CONF_SOURCE_FILE, found.gl_pathv[i]);
	globfree(&found);
}

/* Several routes may share a file. */
static bool is_shared(const struct loader *l, enum conf_source_kind kind, struct str name)
{
	const struct conf_bundle *bundle = l->bundle;
	for (size_t i = 0; kind == CONF_SOURCE_MATCHES && i < bundle->count; i++)
		if (bundle->files[i].kind == kind && str_eq(bundle->files[i].name, name)) return true;
	return false;
}

static void list_file(struct loader *l, enum conf_source_kind kind, struct str name)
{
	char path[PATH_TEXT_MAX];
	if (!name.len || name.at[0] != '/') return; /* conf_parse says so */
	if (is_shared(l, kind, name)) return;
	if (str_to_cstr(name, path, sizeof path)) add_file(l, kind, path);
}

/* Blocks with a statement that names a file of lines. */
static const struct list_block {
	struct str block, word;
	enum conf_source_kind kind;
} list_blocks[] = {
	{ STR_INIT("filter"), STR_INIT("file"), CONF_SOURCE_SENDERS },
	{ STR_INIT("route"), STR_INIT("match-file"), CONF_SOURCE_MATCHES },
};

static const struct list_block *list_block_find(struct str word)
{
	for (size_t i = 0; i < sizeof list_blocks / sizeof *list_blocks; i++)
		if (str_eq(list_blocks[i].block, word)) return &list_blocks[i];
	return NULL;
}

/* What the statement names, without escapes; also in l->token. */
static struct str last_value(struct loader *l, const struct conf_token *word,
			     char text[CONF_WORD_MAX])
{
	l->token = *word;
	if (word->kind == CONF_TOKEN_WORD) return word->text;
	return (struct str){ text, conf_string_unescape(word->text, text) };
}

/* One statement outside of blocks: `words` of up to three. */
static void follow(struct loader *l, const struct conf_token *words, size_t count)
{
	char text[CONF_WORD_MAX];
	bool is_include = count == 2 && str_eq(words[0].text, STR("include"));
	bool is_hosts = count == 3 && str_eq(words[0].text, STR("host")) &&
			words[1].kind == CONF_TOKEN_WORD &&
			str_eq(words[1].text, STR("file"));
	if ((!is_include && !is_hosts) || !words[count - 1].text.len) return;
	struct str value = last_value(l, &words[count - 1], text);
	if (is_include) include(l, value);
	else list_file(l, CONF_SOURCE_HOSTS, value);
}

/* One statement of such a block. */
static void follow_list(struct loader *l, const struct list_block *in,
			const struct conf_token *words, size_t count)
{
	char text[CONF_WORD_MAX];
	if (count != 2 || !str_eq(words[0].text, in->word) || !words[1].text.len) return;
	list_file(l, in->kind, last_value(l, &words[1], text));
}

static void follow_file(struct loader *l, size_t at)
{
	enum { WORDS = 4 };
	struct conf_token words[WORDS];
	struct conf_lexer lexer;
	size_t count = 0, depth = 0;
	const struct list_block *in = NULL;
	conf_lexer_init(&lexer, l->bundle->files[at].text);
	l->at = at;
	for (;;) {
		struct conf_token token = conf_lexer_next(&lexer);
		if (token.kind == CONF_TOKEN_WORD || token.kind == CONF_TOKEN_STRING) {
			if (depth == (in ? 1 : 0) && count < WORDS) words[count++] = token;
			continue;
		}
		if (in && depth == 1) follow_list(l, in, words, count);
		else if (depth == 0) follow(l, words, count);
		if (token.kind == CONF_TOKEN_OPEN && depth == 0)
			in = count ? list_block_find(words[0].text) : NULL;
		if (token.kind == CONF_TOKEN_CLOSE && depth == 1) in = NULL;
		count = 0;
		if (token.kind == CONF_TOKEN_OPEN) depth++;
		if (token.kind == CONF_TOKEN_CLOSE && depth > 0) depth--;
		if (token.kind == CONF_TOKEN_END) return;
	}
}

bool conf_load(const char *path, struct conf_bundle *bundle, struct conf_errors *errors)
{
	struct loader l = { .bundle = bundle, .errors = errors };
	char name[SYSTEM_NAME_MAX];
	size_t before = errors->errors;
	if (gethostname(name, sizeof name) == 0) {
		name[sizeof name - 1] = '\0';
		(void)conf_bundle_set_hostname(bundle, str_of(name));
	}
	add_file(&l, CONF_SOURCE_FILE, path);
	for (size_t i = 0; i < bundle->count; i++)
		if (bundle->files[i].kind == CONF_SOURCE_FILE) follow_file(&l, i);
	return errors->errors == before;
}
