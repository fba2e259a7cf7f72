/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/outcome.h"

#include <assert.h>

struct str smtp_step_words(enum smtp_step step)
{
	static const struct str words[SMTP_STEPS] = {
		[SMTP_STEP_CONNECT] = STR_INIT("connecting"),
		[SMTP_STEP_BANNER] = STR_INIT("waiting for the greeting"),
		[SMTP_STEP_EHLO] = STR_INIT("sending EHLO"),
		[SMTP_STEP_LHLO] = STR_INIT("sending LHLO"),
		[SMTP_STEP_HELO] = STR_INIT("sending HELO"),
		[SMTP_STEP_STARTTLS] = STR_INIT("sending STARTTLS"),
		[SMTP_STEP_TLS] = STR_INIT("negotiating TLS"),
		[SMTP_STEP_AUTH] = STR_INIT("logging in"),
		[SMTP_STEP_IDLE] = STR_INIT("idle between two messages"),
		[SMTP_STEP_MAIL] = STR_INIT("sending MAIL FROM"),
		[SMTP_STEP_RCPT] = STR_INIT("sending RCPT TO"),
		[SMTP_STEP_DATA] = STR_INIT("sending DATA"),
		[SMTP_STEP_BODY] = STR_INIT("sending the text of the message"),
		[SMTP_STEP_END] = STR_INIT("waiting for the answer to the message"),
		[SMTP_STEP_ETRN] = STR_INIT("sending ETRN"),
		[SMTP_STEP_ATRN] = STR_INIT("sending ATRN"),
		[SMTP_STEP_RSET] = STR_INIT("sending RSET"),
		[SMTP_STEP_QUIT] = STR_INIT("sending QUIT"),
	};
	assert((unsigned)step < SMTP_STEPS);
	return words[step];
}

#define AT(step) (1u << SMTP_STEP_##step)
#define TEXT     (AT(DATA) | AT(BODY) | AT(END))
#define ANY      (~0u)

void smtp_enhanced_default(enum smtp_step step, unsigned code,
			   char enhanced[SMTP_ENHANCED_SIZE])
{
	/* The first row that fits counts. */
	static const struct {
		unsigned steps;
		uint16_t code;
		char enhanced[SMTP_ENHANCED_SIZE];
	} rows[] = {
		{ AT(MAIL), 550, "5.7.1" }, { AT(MAIL), 553, "5.1.7" },
		{ AT(RCPT), 452, "4.5.3" }, { AT(RCPT), 550, "5.1.1" },
		{ AT(RCPT), 552, "5.2.2" }, { TEXT, 550, "5.7.1" },
		{ AT(ETRN), 458, "4.3.0" }, { AT(ETRN), 459, "4.7.1" },
		{ AT(ATRN), 450, "4.7.1" }, { AT(ATRN), 530, "5.7.0" },
		{ ANY, 421, "4.3.2" },      { ANY, 450, "4.2.0" },
		{ ANY, 451, "4.3.0" },      { ANY, 452, "4.3.1" },
		{ ANY, 454, "4.7.0" },      { ANY, 455, "4.5.4" },
		{ ANY, 500, "5.5.2" },      { ANY, 501, "5.5.4" },
		{ ANY, 502, "5.5.1" },      { ANY, 503, "5.5.1" },
		{ ANY, 504, "5.5.4" },      { ANY, 521, "5.3.2" },
		{ ANY, 530, "5.7.0" },      { ANY, 551, "5.1.6" },
		{ ANY, 552, "5.3.4" },      { ANY, 553, "5.1.3" },
		{ ANY, 554, "5.7.1" },      { ANY, 555, "5.5.4" },
		{ ANY, 556, "5.1.10" },
	};
	struct str status = STR("0.0.0");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].code != code || !(rows[i].steps & 1u << step)) continue;
		status = str_of(rows[i].enhanced);
		break;
	}
	(void)str_to_cstr(status, enhanced, SMTP_ENHANCED_SIZE);
	enhanced[0] = (char)('0' + code / 100 % 10);
}
