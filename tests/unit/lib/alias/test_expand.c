/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/alias/expand.h"

static const char conf_text[] =
	"hostname mx.us.example\n"
	"postmaster boss@us.example\n"
	"directory staff { sqlite /staff.db }\n"
	"directory down { sqlite /down.db }\n"
	"domain us.example two.example { users staff; deliver maildir /m/%n; aliases /us }\n"
	"domain all.example { users staff; deliver maildir /m/%n; catch-all ann@us.example }\n"
	"domain lost.example { users staff; deliver maildir /m/%n; catch-all gone@lost.example }\n"
	"domain any.example { users any; deliver maildir /m/%n; aliases /any }\n"
	"domain down.example { users down; deliver maildir /m/%n; aliases /us }\n"
	"domain plain.example { users staff; deliver maildir /m/%n }\n"
	"domain broken.example { users staff; deliver maildir /m/%n; aliases /broken }\n";

static const char us_text[] =
	"one: ann\n"
	"two: ann, bob@far.example\n"
	"nested: one, two, deep\n"
	"deep: carol@us.example\n"
	"ann-and-copy: ann\n"
	"bob: bob, archive@far.example\n" /* himself and another */
	"loop: pool\n"
	"pool: loop\n"
	"halfloop: pool2, ann\n"
	"pool2: halfloop\n"
	"dead: nobody\n"
	"half: nobody, ann\n"
	"final: \\one\n"
	"detail: ann, x@far.example\n"
	"exact+x: carol\n"
	"boss: carol\n"
	"gone@lost.example: ann\n"
	"l1: l2\nl2: l3\nl3: l4\nl4: l5\nl5: l6\nl6: l7\nl7: l8\nl8: l9\nl9: l10\nl10: ann\n"
	"l0: l1\n"
	"@two.example: carol\n"
	"root: postmaster\n"
	"list: one, ann, ANN@us.example\n"
	"long: 234567890123456789012345678901234567890123456789012345678901234\n";

static const char any_text[] = "info: ann@us.example\nteam: x, y\n";

static struct conf *conf;
static struct alias_table us, any;

static const struct alias_table *table(void *arg, const struct conf_domain *d)
{
	(void)arg;
	if (str_eq(d->aliases, STR("/us"))) return &us;
	return str_eq(d->aliases, STR("/any")) ? &any : NULL;
}

/* The directory: users of any domain, a directory's alias, one with a detail of his own. */
static void answer(struct alias_expansion *x)
{
	static const char *const users[] = { "ann", "carol", "dave+x", "plus", "plus+y" };
	struct str local, domain;
	struct str address = x->question.address;
	if (str_eq(x->question.directory, STR("down"))) {
		alias_expand_answer(x, ALIAS_ANSWER_LATER, STR(""), STR(""));
		return;
	}
	domain = address;
	local = str_cut(&domain, '@');
	struct str plain = local;
	plain = str_cut(&plain, '+');
	if (str_eq(local, STR("bob"))) {
		alias_expand_answer(x, ALIAS_ANSWER_YES, address, STR("mx.us.example"));
		return;
	}
	const struct str tries[] = { local, plain };
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
			char memory[400];
			struct buf entry;
			if (!str_eq_nocase(tries[t], str_of(users[i]))) continue;
			buf_init_fixed(&entry, memory, sizeof memory);
			buf_str(&entry, tries[t]);
			buf_byte(&entry, '@');
			buf_str(&entry, domain);
			alias_expand_answer(x, ALIAS_ANSWER_YES, buf_view(&entry), STR("mx.us.example"));
			return;
		}
	alias_expand_answer(x, ALIAS_ANSWER_NO, STR(""), STR(""));
}

static void run(struct alias_expansion *x, const char *address, bool owner)
{
	const struct alias_where where = { conf, table, NULL, owner };
	unsigned questions = 0;
	alias_expand_begin(x, &where, str_of(address));
	while (alias_expand_next(x)) {
		answer(x);
		assert_true(++questions <= ALIAS_NODES_MAX);
	}
}

/* "+known -unknown" */
static void write_targets(const struct alias_expansion *x, char *memory, size_t size)
{
	struct buf out;
	buf_init_fixed(&out, memory, size - 1);
	for (size_t i = 0; i < x->count; i++) {
		if (i) buf_byte(&out, ' ');
		buf_byte(&out, x->targets[i].known ? '+' : '-');
		buf_str(&out, x->targets[i].address);
	}
	memory[out.len] = '\0';
}

static const struct {
	const char *address;
	enum alias_result result;
	enum alias_how how;
	const char *targets;
	size_t faults;
} cases[] = {
	{ "one@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@us.example", 0 },
	{ "ONE@US.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@US.example", 0 },
	{ "two@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@us.example -bob@far.example", 0 },
	{ "nested@us.example", ALIAS_KNOWN, ALIAS_BY_NAME,
		"+ann@us.example -bob@far.example +carol@us.example", 0 },
	{ "list@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@us.example", 0 },
	/* A name without a domain is one of the domain that was written to. */
	{ "one@two.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@two.example", 0 },
	/* The user himself, then others. */
	{ "bob@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+bob@us.example -archive@far.example", 0 },
	{ "ann@us.example", ALIAS_KNOWN, ALIAS_PLAIN, "+ann@us.example", 0 },
	{ "ann+x@us.example", ALIAS_KNOWN, ALIAS_PLAIN, "+ann+x@us.example", 0 },
	{ "nobody@us.example", ALIAS_NOBODY, ALIAS_PLAIN, "", 0 },
	/* Details: exact alias, exact user, alias without, user without. */
	{ "detail+list@us.example", ALIAS_KNOWN, ALIAS_BY_NAME,
		"+ann+list@us.example -x+list@far.example", 0 },
	{ "exact+x@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+carol@us.example", 0 },
	{ "exact+y@us.example", ALIAS_NOBODY, ALIAS_PLAIN, "", 0 },
	{ "dave+x@us.example", ALIAS_KNOWN, ALIAS_PLAIN, "+dave+x@us.example", 0 },
	{ "plus+z@us.example", ALIAS_KNOWN, ALIAS_PLAIN, "+plus+z@us.example", 0 },
	/* Catch-all, of the file and of the configuration; users come before it. */
	{ "who@two.example", ALIAS_KNOWN, ALIAS_BY_DOMAIN, "+carol@two.example", 0 },
	{ "who+x@two.example", ALIAS_KNOWN, ALIAS_BY_DOMAIN, "+carol@two.example", 0 },
	{ "who@all.example", ALIAS_KNOWN, ALIAS_BY_DOMAIN, "+ann@us.example", 0 },
	{ "ann@all.example", ALIAS_KNOWN, ALIAS_PLAIN, "+ann@all.example", 0 },
	{ "who@lost.example", ALIAS_NOBODY, ALIAS_BY_DOMAIN, "", 1 },
	/* What is wrong costs the others nothing. */
	{ "loop@us.example", ALIAS_CIRCLE, ALIAS_BY_NAME, "", 1 },
	{ "halfloop@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@us.example", 1 },
	{ "dead@us.example", ALIAS_NOBODY, ALIAS_BY_NAME, "", 1 },
	{ "half@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@us.example", 1 },
	{ "final@us.example", ALIAS_NOBODY, ALIAS_BY_NAME, "", 1 },
	{ "l1@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@us.example", 0 },
	{ "l0@us.example", ALIAS_CIRCLE, ALIAS_BY_NAME, "", 1 },
	/* The detail does not fit, and is left away; then nobody has that name. */
	{ "long+x@us.example", ALIAS_NOBODY, ALIAS_BY_NAME, "", 1 },
	/* Postmaster: nobody's here, so the setting's, by its alias. */
	{ "postmaster@us.example", ALIAS_KNOWN, ALIAS_PLAIN, "+carol@us.example", 0 },
	{ "Postmaster@plain.example", ALIAS_KNOWN, ALIAS_PLAIN, "+carol@us.example", 0 },
	{ "postmaster", ALIAS_KNOWN, ALIAS_PLAIN, "+carol@us.example", 0 },
	{ "postmaster@mx.us.example", ALIAS_KNOWN, ALIAS_PLAIN, "+carol@us.example", 0 },
	{ "root@us.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+carol@us.example", 0 },
	/* Every address is good. */
	{ "info@any.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann@us.example", 0 },
	{ "info+x@any.example", ALIAS_KNOWN, ALIAS_BY_NAME, "+ann+x@us.example", 0 },
	{ "else@any.example", ALIAS_KNOWN, ALIAS_PLAIN, "-else@any.example", 0 },
	{ "team@any.example", ALIAS_KNOWN, ALIAS_BY_NAME, "-x@any.example -y@any.example", 0 },
	/* Cannot be told. */
	{ "ann@down.example", ALIAS_LATER, ALIAS_PLAIN, "", 0 },
	{ "two@down.example", ALIAS_LATER, ALIAS_BY_NAME, "", 0 },
	{ "ann@broken.example", ALIAS_LATER, ALIAS_PLAIN, "", 0 },
	{ "postmaster@down.example", ALIAS_LATER, ALIAS_PLAIN, "", 0 },
};

static void expands(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct alias_expansion x;
		char targets[1024];
		run(&x, cases[i].address, false);
		write_targets(&x, targets, sizeof targets);
		if (x.result != cases[i].result || x.how != cases[i].how ||
		    strcmp(targets, cases[i].targets) != 0 || x.fault_count != cases[i].faults)
			fail_msg("%s: result %d how %d faults %zu targets %s", cases[i].address, x.result,
				x.how, x.fault_count, targets);
		alias_expand_end(&x);
	}
}

/* Whose address is it? His who alone gets what is written to it. */
static void finds_owners(void **state)
{
	static const struct { const char *address, *owner; } rows[] = {
		{ "ann@us.example", "ann@us.example" },
		{ "ann+x@us.example", "ann@us.example" },
		{ "one@us.example", "ann@us.example" },
		{ "deep@us.example", "carol@us.example" },
		{ "list@us.example", "ann@us.example" }, /* thrice the same */
		{ "two@us.example", NULL },
		{ "nested@us.example", NULL },
		{ "bob@us.example", NULL }, /* a copy goes elsewhere */
		{ "who@two.example", NULL }, /* a catch-all is nobody's own */
		{ "who@all.example", NULL },
		{ "postmaster@us.example", NULL },
		{ "loop@us.example", NULL },
		{ "info@any.example", "ann@us.example" },
		{ "else@any.example", "else@any.example" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct alias_expansion x;
		run(&x, rows[i].address, true);
		const char *want = rows[i].owner ? rows[i].owner : "";
		bool found = x.result == ALIAS_KNOWN && x.count == 1;
		struct str owner = { x.owner, found ? x.owner_len : 0 };
		if (!str_eq(owner, str_of(want)))
			fail_msg("%s: %.*s", rows[i].address, STR_ARG(owner));
		if (found) assert_memory_equal(x.home, "mx.us.example", x.home_len);
		alias_expand_end(&x);
	}
}

static void names_its_rules(void **state)
{
	struct alias_expansion x;
	char memory[256];
	struct buf out;
	(void)state;
	buf_init_fixed(&out, memory, sizeof memory - 1);
	run(&x, "half@us.example", false);
	assert_string_equal(x.rule, "/us:12");
	assert_true(str_eq(x.faults[0].address, STR("nobody@us.example")));
	assert_string_equal(x.faults[0].reason, "is nobody here");
	alias_fault_rule(&x.faults[0], &out);
	assert_true(str_eq(buf_view(&out), STR("/us:12")));
	alias_expand_end(&x);
	run(&x, "who@lost.example", false);
	assert_string_equal(x.rule, "t.conf:7");
	buf_reset(&out);
	alias_fault_rule(&x.faults[0], &out);
	assert_true(str_eq(buf_view(&out), STR("a setting of the configuration")));
	alias_expand_end(&x);
	assert_true(alias_concerns(conf, STR("x@us.example")));
	assert_true(alias_concerns(conf, STR("x@all.example")));
	assert_true(alias_concerns(conf, STR("postmaster@plain.example")));
	assert_false(alias_concerns(conf, STR("x@plain.example")));
	assert_false(alias_concerns(conf, STR("x@far.example")));
}

/* A list of that many addresses, under a name of its own. */
static void with_list(size_t count, enum alias_result want, size_t want_count)
{
	struct alias_table kept = us, list;
	struct alias_expansion x;
	struct buf text;
	buf_init(&text, ALIAS_TEXT_MAX);
	buf_str(&text, STR("big: x0@far.example"));
	for (size_t i = 1; i < count; i++) buf_fmt(&text, ", x%zu@far.example", i);
	buf_str(&text, STR("\nall: big, big2\nbig2: x0@far.example\n"));
	assert_true(alias_table_read(&list, STR("/us"), buf_view(&text), NULL, NULL));
	us = list;
	run(&x, "all@us.example", false);
	assert_int_equal(x.result, want);
	assert_int_equal(x.count, want_count);
	assert_int_equal(x.fault_count, want == ALIAS_CIRCLE);
	alias_expand_end(&x);
	alias_table_free(&list);
	us = kept;
	buf_free(&text);
}

static void has_limits(void **state)
{
	(void)state;
	with_list(ALIAS_RESULTS_MAX, ALIAS_KNOWN, ALIAS_RESULTS_MAX);
	with_list(ALIAS_RESULTS_MAX + 1, ALIAS_CIRCLE, 0);
	with_list(2 * ALIAS_NODES_MAX, ALIAS_CIRCLE, 0);
}

static int set_up(void **state)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	(void)state;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	if (!conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(conf_text))) return -1;
	conf = conf_parse(&bundle, &errors);
	conf_errors_free(&errors);
	conf_bundle_free(&bundle);
	bool good = conf && alias_table_read(&us, STR("/us"), str_of(us_text), NULL, NULL) &&
	            alias_table_read(&any, STR("/any"), str_of(any_text), NULL, NULL);
	return good ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	conf_free(conf);
	alias_table_free(&us);
	alias_table_free(&any);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expands),
		cmocka_unit_test(finds_owners),
		cmocka_unit_test(names_its_rules),
		cmocka_unit_test(has_limits),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
