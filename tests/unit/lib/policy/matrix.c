/* SPDX-License-Identifier: Apache-2.0 */
/* Every combination of who sends, under which address, over which listener, with which
 * settings: must be exactly tests/golden/policy/matrix.txt, which a person can read.
 * GOLDEN_WRITE=1 writes that anew: look at the difference before it is committed.
 * tests/e2e/test_submission.py asks a running service for some of it. */
#include "conf_text.h"

#include <stdio.h>
#include <string.h>

#include "lib/policy/facts.h"

static const char head[] =
	"Who may send, and as whom: every combination of identity (rows), sender (columns),\n"
	"listener, submission { homed }, { match }, TLS and { notify }.\n"
	"\n"
	"A cell is the first answer that is not 250: its code, the stage that gave it (MAIL, RCPT,\n"
	"or DATA for the end of the text) and the rule that decided, a line of the configuration\n"
	"below or a built-in one. * : the postmaster is told. The recipient is bob@there.example; the\n"
	"header says From: the sender, or the user himself where the sender is null.\n"
	"\n"
	"rows     unauthenticated  nobody has logged in\n"
	"         owner            logged in as whose address the sender is (as ann, if it is nobody's)\n"
	"         another          logged in as bob@us.example\n"
	"         failed           tried to log in, in vain\n"
	"         exempt           a client of the host rule, not logged in\n"
	"columns  here             ann@us.example, at home on this server\n"
	"         elsewhere        eve@us.example, at home on other.us.example\n"
	"         unknown          nobody@us.example, who does not exist\n"
	"         null             <>\n"
	"         foreign          x@far.example\n"
	"\n";

static const char conf_text[] =
	"hostname mx.us.example\n"                                /* 1 */
	"submission {\n"                                          /* 2 */
	"	homed %s\n"                                       /* 3 */
	"	match %s\n"                                       /* 4 */
	"	notify %s\n"                                      /* 5 */
	"}\n"                                                     /* 6 */
	"postmaster ann@us.example\n"                             /* 7 */
	"listener in { address *:25; role %s }\n"                 /* 8 */
	"host 192.0.2.0/24 { accept; auth exempt; relay yes }\n"  /* 9 */
	"relay { authenticated }\n"                               /* 10 */
	"domain us.example { users people; deliver maildir /m/%%n }\n" /* 11 */
	"directory people { sqlite /d }\n";                       /* 12 */

enum { UNAUTHENTICATED, OWNER, ANOTHER, FAILED, EXEMPT, IDENTITIES };
enum { HERE, ELSEWHERE, UNKNOWN, NULL_SENDER, FOREIGN, SENDERS };
enum { STAGE_MAX = 64, MATRIX_MAX = 256 * 1024 };

static const char *const identities[IDENTITIES] = { "unauthenticated", "owner", "another", "failed",
	"exempt" };
static const char *const columns[SENDERS] = { "here", "elsewhere", "unknown", "null", "foreign" };
static const char *const senders[SENDERS] = { "ann@us.example", "eve@us.example",
	"nobody@us.example", "", "x@far.example" };

/* As the directory would say. */
static struct owner owner_of(const struct conf *conf, struct str address)
{
	struct str directory;
	struct owner o = policy_owner(conf, address, &directory);
	if (o.known != ANSWER_UNKNOWN) return o;
	if (str_eq(address, STR("ann@us.example")) || str_eq(address, STR("bob@us.example")))
		return (struct owner){ ANSWER_YES, address, STR("mx.us.example") };
	if (str_eq(address, STR("eve@us.example")))
		return (struct owner){ ANSWER_YES, address, STR("other.us.example") };
	return (struct owner){ .known = ANSWER_NO };
}

static const char *user_of(int identity, int sender)
{
	if (identity == OWNER) return sender == ELSEWHERE ? "eve@us.example" : "ann@us.example";
	return identity == ANOTHER ? "bob@us.example" : "";
}

/* The stages in their order; the first that does not accept, with the name of it. */
static struct verdict decide(struct facts *f, const char **stage)
{
	*stage = "MAIL";
	struct verdict v = policy_sender(f);
	if (v.kind == VERDICT_NEED) {
		f->owner = owner_of(f->conf, f->sender);
		v = policy_sender(f);
	}
	if (v.kind != VERDICT_ACCEPT) return v;
	*stage = "RCPT";
	f->local = STR("bob");
	f->domain = STR("there.example");
	v = policy_recipient(f);
	if (v.kind != VERDICT_ACCEPT) return v;
	*stage = "DATA";
	f->author = f->sender.len ? f->sender : f->user;
	f->owner = (struct owner){ 0 };
	v = policy_content(f);
	if (v.kind != VERDICT_NEED) return v;
	f->owner = owner_of(f->conf, f->author);
	return policy_content(f);
}

static void cell(const struct conf *conf, int identity, int sender, bool tls, struct buf *out)
{
	char memory[STAGE_MAX];
	struct buf text;
	const char *stage;
	struct ip client = ip_of_v4(identity == EXEMPT ? 0xc0000201u : 0xcb007101u);
	struct facts f = {
		.conf = conf, .listener = &conf->listeners[0], .host = conf_host_find(conf, client),
		.authenticated = user_of(identity, sender)[0] != '\0',
		.user = str_of(user_of(identity, sender)), .tls = tls, .spool_up = true,
		.sender = str_of(senders[sender]),
	};
	struct verdict v = decide(&f, &stage);
	assert_true(v.kind == VERDICT_ACCEPT || v.kind == VERDICT_REFUSE);
	buf_init_fixed(&text, memory, sizeof memory);
	if (v.kind == VERDICT_ACCEPT) {
		buf_str(&text, STR("250"));
	} else {
		buf_fmt(&text, "%u %s ", v.code, stage);
		if (v.rule) buf_fmt(&text, ":%u", v.rule->line);
		else verdict_rule_write(&v, &text);
		if (policy_is_told(&f, &v)) buf_str(&text, STR(" *"));
	}
	assert_false(text.overflowed);
	if (sender < SENDERS - 1) buf_fmt(out, "%-24.*s", (int)text.len, memory);
	else buf_str(out, buf_view(&text));
}

static void grid(const struct conf *conf, bool tls, bool notify, struct buf *out)
{
	char caption[64];
	(void)snprintf(caption, sizeof caption, "%s, notify %s", tls ? "TLS" : "plain", notify ? "on" : "off");
	buf_fmt(out, "  %-20s", caption);
	for (int s = 0; s < SENDERS; s++) buf_fmt(out, s < SENDERS - 1 ? "%-24s" : "%s", columns[s]);
	buf_byte(out, '\n');
	for (int i = 0; i < IDENTITIES; i++) {
		buf_fmt(out, "    %-18s", identities[i]);
		for (int s = 0; s < SENDERS; s++) cell(conf, i, s, tls, out);
		buf_byte(out, '\n');
	}
}

static void section(const char *role, bool homed, bool match, struct buf *out)
{
	static const char *const rules[] = { "off", "required" };
	static const char *const tell[] = { "none", "postmaster" };
	char text[2048];
	buf_fmt(out, "\nlistener %s, homed %s, match %s\n", role, rules[homed], rules[match]);
	for (int tls = 0; tls < 2; tls++)
		for (int notify = 1; notify >= 0; notify--) {
			(void)snprintf(text, sizeof text, conf_text, rules[homed], rules[match],
				tell[notify], role);
			struct conf *conf = conf_of(text);
			grid(conf, tls, notify, out);
			conf_free(conf);
		}
}

static void put_conf(struct buf *out)
{
	char text[2048];
	(void)snprintf(text, sizeof text, conf_text, "required|off", "required|off", "postmaster|none",
		"mx|submission|relay");
	unsigned line = 0;
	for (struct str rest = str_of(text); rest.len;) {
		struct str one = str_cut(&rest, '\n');
		buf_fmt(out, "%4u  ", ++line);
		if (str_starts(one, STR("\t"))) buf_str(out, STR("    "));
		buf_str(out, str_trim(one));
		buf_byte(out, '\n');
	}
}

static void matrix(void **state)
{
	(void)state;
	static const char *const roles[] = { "mx", "submission", "relay" };
	static char want[MATRIX_MAX];
	struct buf out;
	buf_init(&out, MATRIX_MAX);
	buf_str(&out, str_of(head));
	put_conf(&out);
	for (size_t r = 0; r < ROWS(roles); r++)
		for (int homed = 1; homed >= 0; homed--)
			for (int match = 1; match >= 0; match--) section(roles[r], homed, match, &out);
	assert_false(out.overflowed);
	bool renew = getenv("GOLDEN_WRITE") != NULL;
	FILE *file = fopen(GOLDEN, renew ? "wb" : "rb");
	assert_non_null(file);
	if (renew) (void)fwrite(out.at, 1, out.len, file);
	size_t len = renew ? 0 : fread(want, 1, sizeof want, file);
	(void)fclose(file);
	size_t same = 0;
	while (same < len && same < out.len && want[same] == out.at[same]) same++;
	if (!renew && (same < len || same < out.len))
		fail_msg("differs from byte %zu on: %.200s", same, same < out.len ? out.at + same : "(shorter)");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(matrix) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
