/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

enum { ARRIVED = 1754388000 }; /* 2025-08-05 10:00:00 */
#define MS(seconds) ((int64_t)(seconds) * 1000)
#define RCPTS(list) .rcpts = list, .count = ROWS(list)
#define USUAL                                                                         \
	.hostname = STR_INIT("mx.us.example"), .to = STR_INIT("ann@us.example"),      \
	.sender = STR_INIT("ann@us.example"),                                         \
	.postmaster = STR_INIT("postmaster@us.example"),                              \
	.message_id = STR_INIT("00000198799e3c40.r1@mx.us.example"),                  \
	.id = STR_INIT("00000198799e3c40"), .arrived_ms = MS(ARRIVED),                \
	.now_ms = MS(ARRIVED + 2)

#define HEADER                                          \
	"From: Ann <ann@us.example>\r\n"                \
	"To: bob@them.example\r\n"                      \
	"Subject: Lunch on Friday\r\n"                  \
	"Message-ID: <lunch.1@pc.us.example>\r\n"       \
	"Date: Tue, 05 Aug 2025 09:59:58 +0000\r\n"

static const struct dsn_rcpt unknown[] = { {
	.address = STR_INIT("bob@them.example"),
	.orcpt = STR_INIT("rfc822;bob@them.example"),
	.status = STR_INIT("5.1.1"),
	.host = STR_INIT("mx.them.example"),
	.reply = STR_INIT("550 5.1.1 <bob@them.example>: Recipient address rejected: User "
			  "unknown in virtual mailbox table"),
	.action = DSN_FAILED,
	.last_attempt_ms = MS(ARRIVED + 1),
} };

static const struct dsn_rcpt waiting[] = {
	{ .address = STR_INIT("bob@them.example"),
	  .status = STR_INIT("4.4.1"),
	  .action = DSN_DELAYED,
	  .reply = STR_INIT("connect to mx.them.example[192.0.2.7]:25: connection timed out"),
	  .last_attempt_ms = MS(ARRIVED + 14000),
	  .will_retry_until_ms = MS(ARRIVED + 2 * 86400) },
	{ .address = STR_INIT("carol@there.example"),
	  .status = STR_INIT("4.2.2"),
	  .action = DSN_DELAYED,
	  .host = STR_INIT("mail.there.example"),
	  .reply = STR_INIT("452 4.2.2 Mailbox full"),
	  .last_attempt_ms = MS(ARRIVED + 14100),
	  .will_retry_until_ms = MS(ARRIVED + 2 * 86400) },
};

static const struct dsn_rcpt arrived[] = {
	{ .address = STR_INIT("bob@us.example"),
	  .orcpt = STR_INIT("rfc822;robert+2Bnews@us.example"),
	  .status = STR_INIT("2.1.5"),
	  .action = DSN_DELIVERED,
	  .last_attempt_ms = MS(ARRIVED + 1) },
	{ .address = STR_INIT("carol@old.example"),
	  .status = STR_INIT("2.0.0"),
	  .host = STR_INIT("mx.old.example"),
	  .reply = STR_INIT("250 Ok"),
	  .action = DSN_RELAYED,
	  .last_attempt_ms = MS(ARRIVED + 1) },
};

/* One fate each, and what is the worst that a peer can write. */
static const struct dsn_rcpt mixed[] = {
	{ .address = STR_INIT("dora@us.example"), .status = STR_INIT("2.1.5"),
	  .action = DSN_DELIVERED },
	{ .address = STR_INIT("eve@gone.example"),
	  .status = STR_INIT("4.4.1"),
	  .expired = true,
	  .action = DSN_FAILED,
	  .last_attempt_ms = MS(ARRIVED + 172800) },
	{ .address = STR_INIT("\"a b\"@bad.example"),
	  .orcpt = STR_INIT("rfc822;\r\nBcc:x"),
	  .status = STR_INIT("5.7.1\r\nX: y"),
	  .host = STR_INIT("evil\r\nX-Injected: 1"),
	  .reply = STR_INIT("550-first\r\n550 \x1b[31msecond\0\x7f\xff\xc2\x9b \xe2\x80\xae"
			    "third\r\n\r\n--=_ims_report0000--\r\n"),
	  .action = DSN_FAILED,
	  .last_attempt_ms = MS(ARRIVED + 1) },
};

/* With SMTPUTF8, and without. */
static const struct dsn_rcpt letters[] = { {
	.address = STR_INIT("J\xc3\xb6rg@b\xc3\xbc" "cher.example"),
	.orcpt = STR_INIT("utf-8;J\\x{F6}rg@b\\x{FC}cher.example"),
	.status = STR_INIT("5.6.7"),
	.host = STR_INIT("mx.them.example"),
	.reply = STR_INIT("550 5.6.7 k\xc3\xa4nn ich nicht"),
	.action = DSN_FAILED,
	.last_attempt_ms = MS(ARRIVED + 1),
} };

const struct sample samples[] = {
	{ "failed", { USUAL, RCPTS(unknown), .whole = true, .envid = STR_INIT("QQ+2B1"),
		      .original = STR_INIT(HEADER "\r\nShall we?\r\n-- \r\nAnn\r\n") } },
	{ "failed-headers", { USUAL, RCPTS(unknown), .whole = true, .ret = SMTP_RET_HDRS,
			      .original = STR_INIT(HEADER "\r\nShall we?\r\n") } },
	{ "delayed", { USUAL, RCPTS(waiting), .original = STR_INIT(HEADER) } },
	{ "delivered", { USUAL, RCPTS(arrived), .original = STR_INIT(HEADER) } },
	{ "mixed",
	  { USUAL, RCPTS(mixed), .whole = true, .more = 7,
	    .original = STR_INIT("Subject: a\r\n b\tc\r\nMessage-ID: <x>\r\n\r\n"
				 "--=_ims_report0000\r\n--=_ims_report0001\r\n") } },
	{ "postmaster",
	  { USUAL, RCPTS(unknown), .copy = true, .whole = true,
	    .original = STR_INIT(HEADER "\r\nnot for the postmaster\r\n") } },
	{ "double",
	  { USUAL, RCPTS(unknown), .copy = true, .original = STR_INIT("") } },
	{ "eight-bit",
	  { USUAL, RCPTS(letters), .whole = true,
	    .original = STR_INIT("Subject: \xc3\x9c" "ber \xc3\xa4\xc3\xb6\xc3\xbc\r\n"
				 "X-Latin: \xe4\xf6\r\n\r\nGr\xfc\xdf" "e\r\n") } },
	{ "smtputf8",
	  { USUAL, RCPTS(letters), .whole = true, .smtputf8 = true,
	    .original = STR_INIT("Subject: \xc3\x9c" "ber\r\nTo: J\xc3\xb6rg@b\xc3\xbc"
				 "cher.example\r\n\r\nGr\xc3\xbc\xc3\x9f" "e\r\n") } },
	{ "smtputf8-headers",
	  { USUAL, RCPTS(letters), .smtputf8 = true,
	    .original = STR_INIT("Subject: \xc3\x9c" "ber\r\n") } },
};
const size_t sample_count = ROWS(samples);

struct dsn_report sample(const char *name)
{
	for (size_t i = 0; i < sample_count; i++) {
		if (strcmp(samples[i].name, name) != 0) continue;
		struct dsn_report r = samples[i].report;
		r.size = r.original.len;
		/* The double bounce: nobody sent it. */
		if (strcmp(name, "double") == 0) r.sender = STR("");
		if (strcmp(name, "double") == 0 || strcmp(name, "postmaster") == 0)
			r.to = r.postmaster;
		if (strcmp(name, "delayed") == 0) r.now_ms = MS(ARRIVED + 4 * 3600);
		if (strcmp(name, "mixed") == 0) r.now_ms = MS(ARRIVED + 172800 + 60);
		return r;
	}
	fail_msg("no sample is called %s", name);
	return samples[0].report;
}
