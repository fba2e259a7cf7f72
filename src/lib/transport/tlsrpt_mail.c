/* SPDX-License-Identifier: Apache-2.0 */
/* The mail that carries a report. All names in it are ASCII without blanks: domains that
 * results.c took, our own settings, and addresses that tlsrpt_address took. */
#include "lib/base/base64.h"
#include "lib/base/units.h"
#include "lib/mail/received.h"
#include "lib/transport/tlsrpt.h"

enum { LINE_OCTETS = 57 }; /* that make 76 of base 64 */

static void field(struct buf *out, struct str name, struct str value)
{
	buf_str(out, name);
	buf_str(out, STR(": "));
	buf_str(out, value);
	buf_crlf(out);
}

/* A new line for each part: together they may be longer than a line should be. */
static void put_subject(struct buf *out, const struct tlsrpt_mail *m)
{
	buf_str(out, STR("Subject: Report Domain: "));
	buf_str(out, m->domain);
	buf_str(out, STR("\r\n Submitter: "));
	buf_str(out, m->head->host);
	buf_str(out, STR("\r\n Report-ID: <"));
	tlsrpt_id_write(out, m->head, m->domain);
	buf_str(out, STR(">\r\n"));
}

static void put_head(struct buf *out, const struct tlsrpt_mail *m, struct str boundary)
{
	buf_str(out, STR("From: <"));
	buf_str(out, m->head->contact);
	buf_str(out, STR(">\r\nTo: <"));
	buf_str(out, m->to);
	buf_str(out, STR(">\r\nDate: "));
	mail_date_write(out, m->now_ms / 1000);
	buf_crlf(out);
	put_subject(out, m);
	buf_str(out, STR("Message-ID: <"));
	buf_hex64(out, m->number);
	buf_str(out, STR(".tlsrpt@"));
	buf_str(out, m->head->host);
	buf_str(out, STR(">\r\nAuto-Submitted: auto-generated\r\n"));
	field(out, STR("TLS-Report-Domain"), m->domain);
	field(out, STR("TLS-Report-Submitter"), m->head->host);
	field(out, STR("TLS-Required"), STR("No"));
	field(out, STR("MIME-Version"), STR("1.0"));
	buf_str(out, STR("Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\""));
	buf_str(out, boundary);
	buf_str(out, STR("\"\r\n\r\n"));
}

static void part(struct buf *out, struct str boundary, struct str end)
{
	buf_str(out, STR("--"));
	buf_str(out, boundary);
	buf_str(out, end);
}

static void put_text(struct buf *out, const struct tlsrpt_mail *m)
{
	buf_str(out, STR("Content-Type: text/plain; charset=us-ascii\r\n\r\n"
			 "This report tells how the encryption of mail went that\r\n    "));
	buf_str(out, m->head->host);
	buf_str(out, STR("\r\nsent to\r\n    "));
	buf_str(out, m->domain);
	buf_str(out, STR("\r\nfrom "));
	mail_date_write(out, m->head->begin_ms / 1000);
	buf_str(out, STR(" to "));
	mail_date_write(out, m->head->end_ms / 1000);
	buf_str(out, STR(".\r\nThat domain asks for it by a record of type TXT at _smtp._tls (RFC 8460).\r\n"
			 "It is for programs; questions go to the address in From.\r\n\r\n"));
}

static void put_report(struct buf *out, const struct tlsrpt_mail *m)
{
	buf_str(out, STR("Content-Type: application/tlsrpt+gzip\r\n"
			 "Content-Transfer-Encoding: base64\r\n"
			 "Content-Disposition: attachment;\r\n filename=\""));
	tlsrpt_file_write(out, m->head, m->domain);
	buf_str(out, STR("\"\r\n\r\n"));
	for (struct str rest = m->packed; rest.len; rest = str_from(rest, LINE_OCTETS)) {
		base64_encode(out, str_sub(rest, 0, LINE_OCTETS));
		buf_crlf(out);
	}
}

void tlsrpt_mail_write(struct buf *out, const struct tlsrpt_mail *m)
{
	char text[64];
	struct buf boundary;
	buf_init_fixed(&boundary, text, sizeof text);
	/* Base 64 has no '=' in the middle of a line, nor has our text. */
	buf_str(&boundary, STR("=_tlsrpt_"));
	buf_hex64(&boundary, m->number);
	put_head(out, m, buf_view(&boundary));
	part(out, buf_view(&boundary), STR("\r\n"));
	put_text(out, m);
	part(out, buf_view(&boundary), STR("\r\n"));
	put_report(out, m);
	part(out, buf_view(&boundary), STR("--\r\n"));
}
