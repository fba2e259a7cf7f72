/* SPDX-License-Identifier: Apache-2.0 */
#include "box.h"

#include <errno.h>
#include <sys/mman.h>

#include "mailbox/letter.h"

static char written[1 << 20];

static struct str write_out(const struct letter *letter)
{
	int fd = memfd_create("letter", 0);
	assert_int_equal(letter_write(fd, letter), 0);
	ssize_t len = pread(fd, written, sizeof written, 0);
	assert_true(len >= 0);
	(void)close(fd);
	return (struct str){ written, (size_t)len };
}

static const struct {
	struct str sender, recipient, original;
	const char *header;
} headers[] = {
	{ STR_INIT("s@x.example"), STR_INIT("j@a.example"), STR_INIT("j@a.example"),
	  "Return-Path: <s@x.example>\nDelivered-To: j@a.example\n" },
	{ STR_INIT(""), STR_INIT("j@a.example"), STR_INIT(""),
	  "Return-Path: <>\nDelivered-To: j@a.example\n" },
	{ STR_INIT("s@x.example"), STR_INIT("j@a.example"), STR_INIT("J+x@a.example"),
	  "Return-Path: <s@x.example>\nDelivered-To: j@a.example\nX-Original-To: "
	  "J+x@a.example\n" },
	{ STR_INIT("s\r\nX: y@x"), STR_INIT("j@a.example"), STR_INIT("j\n\n@b"),
	  "Return-Path: <s??X: y@x>\nDelivered-To: j@a.example\nX-Original-To: j??@b\n" },
};

static void writes_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct letter letter = { headers[i].sender,
					 headers[i].recipient,
					 headers[i].original,
					 -1,
					 0,
					 NULL,
					 0 };
		struct str got = write_out(&letter);
		if (!str_eq(got, str_of(headers[i].header)))
			fail_msg("row %zu: %.*s", i, STR_ARG(got));
	}
}

static const struct {
	struct str in, out;
} bodies[] = {
	{ STR_INIT(""), STR_INIT("") },
	{ STR_INIT("a: b\r\n\r\ntext\r\n"), STR_INIT("a: b\n\ntext\n") },
	{ STR_INIT("no end"), STR_INIT("no end") },
	{ STR_INIT("\r\n\r\n"), STR_INIT("\n\n") },
	{ STR_INIT("a\rb"), STR_INIT("a\rb") },
	{ STR_INIT("a\nb"), STR_INIT("a\nb") },
	{ STR_INIT("a\r\r\nb"), STR_INIT("a\r\nb") },
	{ STR_INIT("a\r\r\r"), STR_INIT("a\r\r\r") },
	{ STR_INIT("\r"), STR_INIT("\r") },
	{ STR_INIT("From me\r\n.\r\n..\r\n"), STR_INIT("From me\n.\n..\n") },
	{ STR_INIT("\0\xff\r\n\0"), STR_INIT("\0\xff\n\0") },
};

static const struct str header = STR_INIT("Return-Path: <s@x.example>\n"
					  "Delivered-To: joe@a.example\n");

static void check_body(size_t row, const struct letter *letter, struct str want)
{
	struct str got = write_out(letter);
	if (!str_starts(got, header) || !str_eq(str_from(got, header.len), want))
		fail_msg("row %zu: \"%.*s\"", row, STR_ARG(got));
}

/* Whole, in every two pieces, octet by octet, and from a file. */
static void converts_line_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct str in = bodies[i].in, pieces[64];
		struct letter letter = box_letter(&in, 1);
		check_body(i, &letter, bodies[i].out);
		for (size_t cut = 0; cut <= in.len; cut++) {
			pieces[0] = str_sub(in, 0, cut);
			pieces[1] = str_from(in, cut);
			letter = box_letter(pieces, 2);
			check_body(i, &letter, bodies[i].out);
		}
		for (size_t at = 0; at < in.len; at++) pieces[at] = str_sub(in, at, 1);
		letter = box_letter(pieces, in.len);
		check_body(i, &letter, bodies[i].out);
		letter.fd = memfd_create("body", 0);
		letter.size = in.len;
		assert_int_equal(write(letter.fd, in.at, in.len), (ssize_t)in.len);
		check_body(i, &letter, bodies[i].out);
		(void)close(letter.fd);
	}
}

/* Longer than the writer's and the reader's chunk; a CR at every place of a chunk's end.
 */
static void writes_big_bodies(void **state)
{
	(void)state;
	static char in[3 * LETTER_CHUNK], out[3 * LETTER_CHUNK];
	for (size_t shift = 0; shift < 70; shift++) {
		size_t in_len = 0, out_len = 0, line = 0;
		while (in_len < sizeof in - 1) {
			if ((in_len + shift) % 67 == 66) {
				in[in_len++] = '\r';
				in[in_len++] = '\n';
				out[out_len++] = '\n';
				line++;
			} else {
				out[out_len++] = in[in_len++] = (char)('a' + line % 26);
			}
		}
		struct str piece = { in, in_len };
		struct letter letter = box_letter(&piece, 1);
		check_body(shift, &letter, (struct str){ out, out_len });
		letter.fd = memfd_create("body", 0);
		letter.size = in_len;
		assert_int_equal(write(letter.fd, in, in_len), (ssize_t)in_len);
		check_body(shift, &letter, (struct str){ out, out_len });
		(void)close(letter.fd);
	}
}

static void tells_errors(void **state)
{
	(void)state;
	struct str piece = box_body;
	struct letter letter = box_letter(&piece, 1);
	int to = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(letter_write(to, &letter), -ENOSPC);
	(void)close(to);
	to = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(letter_write(to, &letter), -EBADF);
	(void)close(to);
	/* A body that is shorter than said is no message. */
	to = memfd_create("letter", 0);
	letter.fd = memfd_create("body", 0);
	letter.size = 100;
	assert_int_equal(write(letter.fd, "abc", 3), 3);
	assert_int_equal(letter_write(to, &letter), -ENODATA);
	(void)close(letter.fd);
	letter.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(letter_write(to, &letter), -EISDIR);
	(void)close(letter.fd);
	(void)close(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_headers),
		cmocka_unit_test(converts_line_ends),
		cmocka_unit_test(writes_big_bodies),
		cmocka_unit_test(tells_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
