/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the scripts of tests/dialog (format: README.md there) on the pure machine:
 * each with its input in one piece, byte by byte, and cut at random. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/rng.h"
#include "session.h"

enum { SCRIPT_MAX = 64 * 1024, RANDOM_RUNS = 8 };
enum cuts { WHOLE, BYTES, RANDOM };

struct run {
	const char *name;
	unsigned line;
	enum cuts cuts;
	struct rng rng;
	struct session session;
	struct buf send;
	bool started, greeted, failed;
	struct str tls; /* option */
	struct str auth;
	bool auth_wants_tls;
	struct smtp_server_settings cfg;
	uint8_t extra;
	bool vrfy, expn, etrn, odmr;
};

static const struct smtp_server_settings defaults = {
	.hostname = STR_INIT("mx.example.com"), .banner = STR_INIT("IMS"),
	.size_max = 1000 * 1000, .recipients_max = 1000, .errors_max = SMTP_ERRORS_MAX,
	.line_max = SMTP_LINE_MAX,
};

static void fail(struct run *r, const char *what, struct str got)
{
	static const char *const names[] = { "whole", "bytes", "random" };
	struct buf text;
	buf_init(&text, SCRIPT_MAX);
	buf_escaped(&text, str_sub(got, 0, 2000));
	fprintf(stderr, "%s:%u (%s): %s: %.*s\n", r->name, r->line, names[r->cuts], what,
		STR_ARG(buf_view(&text)));
	buf_free(&text);
	r->failed = true;
}

/* "*" stands for any bytes, even none. */
static bool glob(struct str pattern, struct str text)
{
	size_t star = SIZE_MAX, mark = 0, p = 0, t = 0;
	while (t < text.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.len && pattern.at[p] == text.at[t]) {
			p++, t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*') p++;
	return p == pattern.len;
}

static bool unescape(struct buf *out, struct str text);

/* "\{N:text}": the text N times. */
static bool unescape_repeat(struct buf *out, struct str *text)
{
	uint64_t times = 0;
	ptrdiff_t end = str_find(*text, '}');
	if (end < 0) return false;
	struct str inside = str_sub(*text, 0, (size_t)end);
	*text = str_from(*text, (size_t)end + 1);
	if (!str_to_u64(str_cut(&inside, ':'), &times)) return false;
	while (times-- > 0)
		if (!unescape(out, inside)) return false;
	return true;
}

static bool unescape_one(struct buf *out, struct str *text)
{
	char c = text->len ? text->at[0] : '?';
	*text = str_from(*text, 1);
	switch (c) {
	case 'r': buf_byte(out, '\r'); return true;
	case 'n': buf_byte(out, '\n'); return true;
	case 't': buf_byte(out, '\t'); return true;
	case '0': buf_byte(out, '\0'); return true;
	case '\\': buf_byte(out, '\\'); return true;
	case '{': return unescape_repeat(out, text);
	case 'x': break;
	default: return false;
	}
	uint64_t value = 0;
	if (!str_from_hex64(str_sub(*text, 0, 2), &value)) return false;
	buf_byte(out, (char)value);
	*text = str_from(*text, 2);
	return true;
}

static bool unescape(struct buf *out, struct str text)
{
	while (text.len) {
		char c = text.at[0];
		text = str_from(text, 1);
		if (c != '\\') buf_byte(out, c);
		else if (!unescape_one(out, &text)) return false;
	}
	return true;
}

static void start(struct run *r)
{
	if (r->started) return;
	session_init(&r->session, &r->cfg);
	r->session.server.vrfy_asked = r->vrfy;
	r->session.server.expn_asked = r->expn;
	r->session.server.extra = r->extra;
	r->session.server.future = STR("86400 2026-11-23T00:00:00Z");
	r->session.server.etrn_asked = r->etrn;
	r->session.server.odmr = r->odmr;
	r->session.server.tls_offered = r->tls.len > 0;
	r->session.server.tls_required = str_eq(r->tls, STR("require"));
	r->session.no_certificate = str_eq(r->tls, STR("broken"));
	buf_init(&r->send, 4 * 1024 * 1024);
	r->session.server.auth.offer = r->auth;
	r->session.server.auth.wants_tls = r->auth_wants_tls;
	r->started = true;
}

static size_t cut_len(struct run *r, size_t left)
{
	switch (r->cuts) {
	case WHOLE: return left;
	case BYTES: return 1;
	case RANDOM: break;
	}
	return 1 + (size_t)rng_below(&r->rng, left < 40 ? left : 40);
}

/* Sends what the C: lines since the last S: line say. */
static void flush(struct run *r)
{
	struct str left = buf_view(&r->send);
	while (left.len && !r->session.broken) {
		size_t len = cut_len(r, left.len);
		session_feed(&r->session, str_sub(left, 0, len));
		left = str_from(left, len);
	}
	if (r->session.broken) fail(r, "contract", str_of(r->session.broken));
	buf_reset(&r->send);
}

/* Takes the next reply, with "\n" between its lines. */
static bool take_reply(struct run *r, struct buf *reply)
{
	struct str left = buf_view(&r->session.out);
	for (bool last = false; !last;) {
		ptrdiff_t lf = str_find(left, '\n');
		if (lf < 4 || left.at[lf - 1] != '\r' || lf + 1 > 512) return false;
		if (reply->len) buf_byte(reply, '\n');
		buf_str(reply, str_sub(left, 0, (size_t)lf - 1));
		last = left.at[3] == ' ';
		left = str_from(left, (size_t)lf + 1);
	}
	buf_consume(&r->session.out, r->session.out.len - left.len);
	return true;
}

static void expect_reply(struct run *r, struct str pattern)
{
	struct buf reply;
	buf_init(&reply, SCRIPT_MAX);
	flush(r);
	if (!take_reply(r, &reply)) fail(r, "no reply", buf_view(&r->session.out));
	else if (!glob(pattern, buf_view(&reply))) fail(r, "reply", buf_view(&reply));
	buf_free(&reply);
}

static void expect_greeting(struct run *r)
{
	start(r);
	if (!r->greeted) expect_reply(r, STR("220 *"));
	r->greeted = true;
}

static void expect_body(struct run *r, struct str pattern)
{
	struct buf body, want;
	buf_init(&body, SCRIPT_MAX);
	buf_init(&want, SCRIPT_MAX);
	flush(r);
	buf_str(&body, buf_view(&r->session.accepted));
	if (!unescape(&want, pattern)) fail(r, "escape", pattern);
	else if (!glob(buf_view(&want), buf_view(&body)))
		fail(r, "body", buf_view(&body));
	buf_free(&body);
	buf_free(&want);
}

static void option_extra(struct run *r, struct str value)
{
	static const struct { struct str name; enum smtp_extra bit; } words[] = {
		{ STR_INIT("REQUIRETLS"), SMTP_EXTRA_REQUIRETLS },
		{ STR_INIT("MT-PRIORITY"), SMTP_EXTRA_PRIORITY },
		{ STR_INIT("FUTURERELEASE"), SMTP_EXTRA_FUTURE },
		{ STR_INIT("DELIVERBY"), SMTP_EXTRA_BY },
	};
	for (struct str word; word = str_word(&value), word.len;) {
		size_t i = 0;
		while (i < 4 && !str_eq(word, words[i].name)) i++;
		if (i == 4) fail(r, "extension", word);
		else r->extra = (uint8_t)(r->extra | words[i].bit);
	}
}

static void option(struct run *r, struct str text)
{
	struct str name = str_word(&text), value = str_trim(text);
	uint64_t n = 0;
	bool on = str_eq(value, STR("on"));
	if (str_eq(name, STR("bare_newlines")))
		r->cfg.fix_newlines = str_eq(value, STR("fix"));
	else if (str_eq(name, STR("vrfy"))) r->vrfy = on;
	else if (str_eq(name, STR("expn"))) r->expn = on;
	else if (str_eq(name, STR("etrn"))) r->etrn = on;
	else if (str_eq(name, STR("odmr"))) r->odmr = on;
	else if (str_eq(name, STR("tls"))) r->tls = value;
	else if (str_eq(name, STR("extra"))) option_extra(r, value);
	else if (str_eq(name, STR("auth"))) r->auth = value;
	else if (str_eq(name, STR("auth_wants_tls"))) r->auth_wants_tls = on;
	else if (str_eq(name, STR("pure")) && on) return;
	else if (!str_to_u64(value, &n)) fail(r, "option", name);
	else if (str_eq(name, STR("size_max"))) r->cfg.size_max = n;
	else if (str_eq(name, STR("recipients_max"))) r->cfg.recipients_max = (uint32_t)n;
	else if (str_eq(name, STR("messages_max"))) r->cfg.messages_max = (uint32_t)n;
	else if (str_eq(name, STR("by_min_s"))) r->cfg.by_min_s = (uint32_t)n;
	else if (str_eq(name, STR("errors_max"))) r->cfg.errors_max = (uint32_t)n;
	else fail(r, "option", name);
}

static void client(struct run *r, struct str text)
{
	expect_greeting(r);
	if (r->send.len == 0 && r->session.out.len)
		fail(r, "reply that no S: line wants", buf_view(&r->session.out));
	bool cut = text.len >= 2 && str_eq(str_from(text, text.len - 2), STR("\\c"));
	if (!unescape(&r->send, str_sub(text, 0, text.len - (cut ? 2 : 0))))
		fail(r, "escape", text);
	if (!cut) buf_crlf(&r->send);
}

static void server(struct run *r, struct str pattern)
{
	start(r);
	if (str_eq(pattern, STR("(close)"))) {
		flush(r);
		if (!r->session.closed) fail(r, "not closed", STR(""));
		return;
	}
	expect_reply(r, pattern);
	r->greeted = true;
}

static void secure(struct run *r)
{
	flush(r);
	session_secure(&r->session);
	if (r->session.broken) fail(r, "contract", str_of(r->session.broken));
}

static void step(struct run *r, struct str line)
{
	struct str rest = str_from(line, line.len > 2 && line.at[2] == ' ' ? 3 : 2);
	if (line.len == 0 || line.at[0] == '#') return;
	if (line.at[0] == '!') option(r, str_from(line, 1));
	else if (str_starts(line, STR("C:"))) client(r, rest);
	else if (str_starts(line, STR("S:"))) server(r, rest);
	else if (str_eq(line, STR("T:"))) secure(r);
	else if (str_starts(line, STR("B:"))) expect_body(r, rest);
	else fail(r, "what is this", line);
}

static bool run_script(const char *name, struct str text, enum cuts cuts, uint64_t seed)
{
	struct run r = { .name = name, .cuts = cuts, .rng = { seed }, .cfg = defaults };
	while (text.len && !r.failed) {
		r.line++;
		step(&r, str_cut(&text, '\n'));
	}
	if (r.started && !r.failed) {
		flush(&r);
		if (r.session.out.len)
			fail(&r, "reply that no S: line wants", buf_view(&r.session.out));
	}
	if (r.started) {
		session_free(&r.session);
		buf_free(&r.send);
	}
	return !r.failed;
}

static bool run_file(const char *folder, const char *name)
{
	static char bytes[SCRIPT_MAX];
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (!file) return false;
	struct str text = { bytes, fread(bytes, 1, sizeof bytes, file) };
	(void)fclose(file);
	bool good = text.len < sizeof bytes && run_script(name, text, WHOLE, 0) &&
		    run_script(name, text, BYTES, 0);
	for (uint64_t seed = 1; good && seed <= RANDOM_RUNS; seed++)
		good = run_script(name, text, RANDOM, seed);
	return good;
}

int main(int argc, char **argv)
{
	unsigned scripts = 0, failed = 0;
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	if (!dir) {
		fprintf(stderr, "usage: %s FOLDER-OF-SCRIPTS\n", argv[0]);
		return 64;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!str_ends_nocase(str_of(entry->d_name), STR(".smtp"))) continue;
		scripts++;
		if (!run_file(argv[1], entry->d_name)) failed++;
	}
	(void)closedir(dir);
	printf("%u scripts, %u failed\n", scripts, failed);
	return scripts == 0 || failed ? 1 : 0;
}
