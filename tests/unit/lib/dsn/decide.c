/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include <stdio.h>

#include "lib/conf/conf.h"
#include "lib/dsn/decide.h"

static const struct {
	const char *word;
	uint8_t notify;
} asked[] = {
	{ "not given", 0 },
	{ "NEVER", SMTP_NOTIFY_NEVER },
	{ "SUCCESS", SMTP_NOTIFY_SUCCESS },
	{ "FAILURE", SMTP_NOTIFY_FAILURE },
	{ "DELAY", SMTP_NOTIFY_DELAY },
};
static const struct {
	const char *name;
	enum dsn_action action;
	bool peer_reports;
} fates[] = {
	{ "failed or expired", DSN_FAILED, false },
	{ "late", DSN_DELAYED, false },
	{ "in a mailbox here", DSN_DELIVERED, false },
	{ "with a server that knows DSN", DSN_RELAYED, true },
	{ "with a server that does not", DSN_RELAYED, false },
	{ "sent to the members of a list", DSN_EXPANDED, false },
};

static char page[64 * 1024];

static int page_read(void **state)
{
	(void)state;
	FILE *file = fopen(PAGE, "rb");
	if (!file) return -1;
	size_t len = fread(page, 1, sizeof page - 1, file);
	(void)fclose(file);
	page[len] = '\0';
	return 0;
}

/* Each row of the table in docs/reports.md, made from what dsn_decide says. */
static void is_as_written(void **state)
{
	(void)state;
	for (size_t f = 0; f < ROWS(fates); f++) {
		char row[256];
		int len = snprintf(row, sizeof row, "| %s |", fates[f].name);
		for (size_t a = 0; a < ROWS(asked); a++) {
			struct dsn_decision d = dsn_decide(&(struct dsn_case){
				.action = fates[f].action,
				.peer_reports = fates[f].peer_reports,
				.status = STR("5.0.0"),
				.notify = asked[a].notify,
			});
			len += snprintf(row + len, sizeof row - (size_t)len, " %s |",
					d.to_sender ? "yes" : "-");
			assert_false(d.to_postmaster);
		}
		if (!strstr(page, row)) fail_msg("not in docs/reports.md: %s", row);
	}
}

static void decides(void **state)
{
	static const struct {
		struct dsn_case c;
		bool sender, postmaster;
	} rows[] = {
		{ { .action = DSN_FAILED, .status = STR_INIT("5.1.1"),
		    .postmaster_classes = DSN_CLASS_ADDRESS_UNKNOWN }, true, true },
		{ { .action = DSN_FAILED, .status = STR_INIT("5.1.1"),
		    .postmaster_classes = DSN_CLASS_HOST_UNKNOWN }, true, false },
		/* NEVER is about the sender. */
		{ { .action = DSN_FAILED, .notify = SMTP_NOTIFY_NEVER,
		    .postmaster_classes = DSN_CLASS_ALL }, false, true },
		{ { .action = DSN_FAILED, .notify = SMTP_NOTIFY_SUCCESS,
		    .postmaster_classes = DSN_CLASS_ALL }, false, true },
		{ { .action = DSN_FAILED, .notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE },
		  true, false },
		/* A report that fails: nobody but the postmaster; his copy: nobody at all. */
		{ { .action = DSN_FAILED, .sender_null = true }, false, false },
		{ { .action = DSN_FAILED, .sender_null = true, .status = STR_INIT("5.2.2"),
		    .postmaster_classes = DSN_CLASS_ALL }, false, true },
		{ { .action = DSN_FAILED, .sender_null = true, .is_copy = true,
		    .postmaster_classes = DSN_CLASS_ALL }, false, false },
		{ { .action = DSN_FAILED, .is_copy = true,
		    .postmaster_classes = DSN_CLASS_ALL }, false, false },
		{ { .action = DSN_DELAYED, .sender_null = true,
		    .notify = SMTP_NOTIFY_DELAY }, false, false },
		{ { .action = DSN_DELIVERED, .sender_null = true,
		    .notify = SMTP_NOTIFY_SUCCESS }, false, false },
		/* Bulk mail: of a delay only who asked for it is told; of a failure everybody. */
		{ { .action = DSN_DELAYED }, true, false },
		{ { .action = DSN_DELAYED, .bulk = true }, false, false },
		{ { .action = DSN_DELAYED, .bulk = true, .notify = SMTP_NOTIFY_DELAY }, true, false },
		{ { .action = DSN_DELAYED, .bulk = true, .by_notify = true }, true, false },
		{ { .action = DSN_DELAYED, .by_notify = true, .notify = SMTP_NOTIFY_FAILURE }, false, false },
		{ { .action = DSN_DELAYED, .by_notify = true, .sender_null = true }, false, false },
		{ { .action = DSN_FAILED, .bulk = true }, true, false },
		/* Each hop, whatever the next one reports; NEVER is never. */
		{ { .action = DSN_RELAYED, .trace = true, .peer_reports = true }, true, false },
		{ { .action = DSN_RELAYED, .trace = true, .notify = SMTP_NOTIFY_FAILURE }, true, false },
		{ { .action = DSN_RELAYED, .trace = true, .notify = SMTP_NOTIFY_NEVER }, false, false },
		{ { .action = DSN_RELAYED, .trace = true, .sender_null = true }, false, false },
		/* Once is enough. */
		{ { .action = DSN_FAILED, .sender_is_postmaster = true,
		    .postmaster_classes = DSN_CLASS_ALL }, true, false },
		{ { .action = DSN_FAILED, .sender_is_postmaster = true, .notify = SMTP_NOTIFY_NEVER,
		    .postmaster_classes = DSN_CLASS_ALL }, false, true },
		/* Only what failed goes to the postmaster. */
		{ { .action = DSN_DELAYED, .postmaster_classes = DSN_CLASS_ALL }, true, false },
		{ { .action = DSN_DELIVERED, .notify = SMTP_NOTIFY_SUCCESS,
		    .postmaster_classes = DSN_CLASS_ALL }, true, false },
		{ { .action = DSN_FAILED, .expired = true, .status = STR_INIT("4.4.1"),
		    .postmaster_classes = DSN_CLASS_EXPIRED }, true, true },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dsn_decision d = dsn_decide(&rows[i].c);
		if (d.to_sender != rows[i].sender || d.to_postmaster != rows[i].postmaster)
			fail_msg("row %zu: %d %d", i, d.to_sender, d.to_postmaster);
	}
}

static void classes(void **state)
{
	static const struct {
		const char *status;
		bool expired;
		enum dsn_class class;
	} rows[] = {
		{ "5.1.2", false, DSN_CLASS_HOST_UNKNOWN },
		{ "5.1.10", false, DSN_CLASS_HOST_UNKNOWN },
		{ "4.4.3", false, DSN_CLASS_HOST_UNKNOWN },
		{ "5.4.4", false, DSN_CLASS_HOST_UNKNOWN },
		{ "5.1.1", false, DSN_CLASS_ADDRESS_UNKNOWN },
		{ "5.1.3", false, DSN_CLASS_ADDRESS_UNKNOWN },
		{ "5.1.6", false, DSN_CLASS_ADDRESS_UNKNOWN },
		{ "5.1.4", false, DSN_CLASS_AMBIGUOUS },
		{ "5.5.0", false, DSN_CLASS_PROTOCOL },
		{ "5.5.4", false, DSN_CLASS_PROTOCOL },
		{ "4.4.2", false, DSN_CLASS_PROTOCOL },
		{ "4.4.7", false, DSN_CLASS_EXPIRED },
		{ "5.1.1", true, DSN_CLASS_EXPIRED },
		{ "", true, DSN_CLASS_EXPIRED },
		{ "5.7.1", false, DSN_CLASS_OTHER },
		{ "5.2.2", false, DSN_CLASS_OTHER },
		{ "", false, DSN_CLASS_OTHER },
		{ "nonsense", false, DSN_CLASS_OTHER },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		if (dsn_class_of(str_of(rows[i].status), rows[i].expired) != rows[i].class)
			fail_msg("%s", rows[i].status);
}

/* The bits of a failure's class and those of the setting are the same. */
static void class_words(void **state)
{
	static const struct {
		const char *word;
		unsigned bit;
		enum dsn_class class;
	} words[] = {
		{ "host-unknown", CONF_FLAG(NOTIFY_HOST_UNKNOWN), DSN_CLASS_HOST_UNKNOWN },
		{ "address-unknown", CONF_FLAG(NOTIFY_ADDRESS_UNKNOWN), DSN_CLASS_ADDRESS_UNKNOWN },
		{ "ambiguous", CONF_FLAG(NOTIFY_AMBIGUOUS), DSN_CLASS_AMBIGUOUS },
		{ "protocol", CONF_FLAG(NOTIFY_PROTOCOL), DSN_CLASS_PROTOCOL },
		{ "expired", CONF_FLAG(NOTIFY_EXPIRED), DSN_CLASS_EXPIRED },
		{ "all", CONF_FLAG(NOTIFY_ALL), DSN_CLASS_OTHER },
	};
	unsigned all = 0;
	(void)state;
	for (size_t i = 0; i < ROWS(words); i++) {
		char cell[64];
		assert_int_equal(words[i].bit, words[i].class);
		all |= words[i].bit;
		(void)snprintf(cell, sizeof cell, "| `%s` |", words[i].word);
		if (!strstr(page, cell)) fail_msg("not in docs/reports.md: %s", cell);
	}
	assert_int_equal(all, DSN_CLASS_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_as_written),
		cmocka_unit_test(decides),
		cmocka_unit_test(classes),
		cmocka_unit_test(class_words),
	};
	return cmocka_run_group_tests(tests, page_read, NULL);
}
