/* SPDX-License-Identifier: Apache-2.0 */
/* Results of encryption: counted where they belong, bounded, and the same after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/transport/results.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct ip ip_of(const char *text)
{
	struct ip ip = { .octets = { 0 } };
	if (text[0]) assert_true(ip_parse(str_of(text), &ip));
	return ip;
}

static bool add(struct results *r, const char *domain, enum transport_policy policy, const char *lines,
		const char *mx, const char *peer, enum transport_failure failure)
{
	return results_add(r, &(struct result){ .domain = str_of(domain), .policy = policy,
		.lines = str_of(lines), .mx = str_of(mx), .own = ip_of("192.0.2.9"),
		.peer = ip_of(peer), .failure = failure });
}

/* "far.example: sts 2/3 expired mx1 2, mismatch mx2 1; ..." */
static void describe(const struct results *r, struct buf *out)
{
	for (const struct result_domain *d = r->first; d; d = d->next) {
		buf_str(out, d->name);
		for (const struct result_policy *p = d->policies; p; p = p->next) {
			buf_fmt(out, " %.*s %llu/%llu", STR_ARG(transport_policy_word(p->policy)),
				(unsigned long long)p->good, (unsigned long long)p->bad);
			for (const struct result_failure *f = p->failures; f; f = f->next)
				buf_fmt(out, " (%.*s %.*s %llu)", STR_ARG(transport_failure_word(f->failure)),
					STR_ARG(f->mx), (unsigned long long)f->count);
		}
		buf_byte(out, '\n');
	}
}

static void assert_described(const struct results *r, const char *want)
{
	struct buf out;
	buf_init(&out, 1 << 20);
	describe(r, &out);
	buf_byte(&out, '\0');
	assert_string_equal(out.at, want);
	buf_free(&out);
}

static const char wanted[] =
	"far.example sts 2/3 (certificate-expired mx1.far.example 2) (certificate-expired mx1.far.example 1)"
	" no-policy-found 0/1 (starttls-not-supported mx2.far.example 1)\n"
	"other.example tlsa 1/0\n";

static void fill(struct results *r)
{
	results_init(r, 1795305600000, 1795392000000, 5);
	assert_true(add(r, "far.example", TRANSPORT_STS, "mx: a\n", "mx1.far.example", "192.0.2.1", TRANSPORT_GOOD));
	assert_true(add(r, "Far.Example", TRANSPORT_STS, "mx: a\n", "mx1.far.example", "192.0.2.1", TRANSPORT_CERTIFICATE_EXPIRED));
	assert_true(add(r, "far.example", TRANSPORT_STS, "mx: a\n", "MX1.far.example", "192.0.2.1", TRANSPORT_CERTIFICATE_EXPIRED));
	assert_true(add(r, "far.example", TRANSPORT_STS, "mx: a\n", "mx1.far.example", "2001:db8::1", TRANSPORT_CERTIFICATE_EXPIRED));
	assert_true(add(r, "other.example", TRANSPORT_TLSA, "3 1 1 AB\n", "mx", "192.0.2.1", TRANSPORT_GOOD));
	assert_true(add(r, "far.example", TRANSPORT_STS, "mx: a\n", "mx2.far.example", "", TRANSPORT_GOOD));
	assert_true(add(r, "far.example", TRANSPORT_NO_POLICY, "", "mx2.far.example", "", TRANSPORT_STARTTLS_NOT_SUPPORTED));
}

static void counts(void **state)
{
	struct results r;
	(void)state;
	fill(&r);
	assert_described(&r, wanted);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.lost, 0);
	assert_non_null(results_find(&r, STR("FAR.example")));
	assert_null(results_find(&r, STR("near.example")));
	assert_null(results_find(&r, STR("[192.0.2.1]")));
	results_free(&r);
}

static void not_counted(void **state)
{
	static const char *const rows[] = { "", "[192.0.2.1]", "a b", "a..b", "f\xc3\xa4r.example",
		".example", "a\nb", "<a>",
		"a123456789012345678901234567890123456789012345678901234567890123.example" };
	struct results r;
	(void)state;
	results_init(&r, 0, 1, 5);
	for (size_t i = 0; i < ROWS(rows); i++)
		if (add(&r, rows[i], TRANSPORT_STS, "", "mx", "", TRANSPORT_GOOD)) fail_msg("row %zu", i);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.lost, ROWS(rows));
	results_free(&r);
}

static void bounds(void **state)
{
	struct results r;
	char name[64];
	(void)state;
	results_init(&r, 0, 1, 5);
	/* Policies of a domain, failures of a policy, octets of a text. */
	for (int i = 0; i < 6; i++) {
		(void)snprintf(name, sizeof name, "mx: %d\n", i);
		assert_int_equal(add(&r, "a.example", TRANSPORT_STS, name, "mx", "", TRANSPORT_GOOD), i < RESULTS_POLICIES_MAX);
	}
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "mx%d", i);
		assert_true(add(&r, "b.example", TRANSPORT_STS, "", name, "", TRANSPORT_VALIDATION_FAILURE));
	}
	const struct result_domain *b = results_find(&r, STR("b.example"));
	assert_int_equal(b->policies->bad, 100);
	assert_int_equal(b->policies->failure_count, RESULTS_FAILURES_MAX);
	struct buf lines;
	buf_init(&lines, 1 << 20);
	while (lines.len < 3 * RESULTS_LINES_MAX) buf_str(&lines, STR("mx: something\n"));
	assert_true(results_add(&r, &(struct result){ .domain = STR("c.example"), .policy = TRANSPORT_STS,
						      .lines = buf_view(&lines) }));
	buf_free(&lines);
	struct str kept = results_find(&r, STR("c.example"))->policies->lines;
	assert_in_range(kept.len, RESULTS_LINES_MAX - 20, RESULTS_LINES_MAX);
	assert_int_equal(kept.at[kept.len - 1], '\n');
	/* Domains. */
	uint64_t lost = r.lost;
	for (int i = 0; i < RESULTS_DOMAINS_MAX; i++) {
		(void)snprintf(name, sizeof name, "d%d.example", i);
		(void)add(&r, name, TRANSPORT_NO_POLICY, "", "mx", "", TRANSPORT_GOOD);
	}
	assert_int_equal(r.count, RESULTS_DOMAINS_MAX);
	assert_int_equal(r.lost, lost + 3);
	assert_true(add(&r, "d5.example", TRANSPORT_NO_POLICY, "", "mx", "", TRANSPORT_GOOD));
	results_free(&r);
	assert_int_equal(r.count, 0);
	assert_null(results_find(&r, STR("d5.example")));
}

static void kept(void **state)
{
	struct results r, again;
	struct buf record;
	(void)state;
	fill(&r);
	r.lost = 4;
	results_find(&r, STR("other.example"))->done = true;
	results_find(&r, STR("far.example"))->sent = 2;
	buf_init(&record, RESULTS_RECORD_MAX);
	results_write(&r, &record);
	buf_str(&record, STR("more"));
	results_init(&again, 0, 0, 8);
	struct cur c = cur_of(buf_view(&record));
	assert_true(results_read(&again, &c));
	assert_int_equal(c.left, 4);
	assert_described(&again, wanted);
	assert_true(again.begin_ms == r.begin_ms && again.end_ms == r.end_ms && again.lost == 4);
	assert_true(results_find(&again, STR("other.example"))->done);
	assert_int_equal(results_find(&again, STR("far.example"))->sent, 2);
	results_free(&again);
	/* Cut anywhere it is none, and nothing stays. */
	for (size_t len = 0; len + 4 < record.len; len++) {
		results_init(&again, 0, 0, 8);
		c = cur_of(str_sub(buf_view(&record), 0, len));
		assert_false(results_read(&again, &c));
		assert_int_equal(again.count, 0);
		results_free(&again);
	}
	/* With any octet changed it is something, or nothing, and never a fault. */
	for (size_t i = 0; i < record.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			record.at[i] ^= (char)(1 << bit);
			results_init(&again, 0, 0, 8);
			c = cur_of(buf_view(&record));
			if (!results_read(&again, &c)) assert_int_equal(again.count, 0);
			results_free(&again);
			record.at[i] ^= (char)(1 << bit);
		}
	}
	buf_free(&record);
	results_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(not_counted),
		cmocka_unit_test(bounds),
		cmocka_unit_test(kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
