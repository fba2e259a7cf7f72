/* SPDX-License-Identifier: Apache-2.0 */
#include "client_scripts.h"

#include "lib/smtp/command.h"

#define TO_EHLO "S: 220 h.example\nC: EHLO us.example\n"
#define TO_HELO "S: 220 h.example\nC: HELO us.example\nS: 250 h.example\n"
#define PLAIN   TO_EHLO "S: 250 h.example\n"
#define PIPED   TO_EHLO "S: 250-h.example\nS: 250 PIPELINING\n"
#define CHUNKS  TO_EHLO "S: 250-h.example\nS: 250 CHUNKING\n"
#define FLIGHT  TO_EHLO "S: 250-h.example\nS: 250-CHUNKING\nS: 250 PIPELINING\n"
#define LMTP    "S: 220 h.example\nC: LHLO us.example\nS: 250-h.example\n" \
	     "S: 250-CHUNKING\nS: 250 PIPELINING\n"
#define MAIL    "C: MAIL FROM:<a@c.example>\n"
#define RCPT(n) "C: RCPT TO:<r" #n "@h.example>\n"
#define OK      "S: 250 2.0.0 ok\n"
#define OFFERS  TO_EHLO "S: 250-h.example\nS: 250 STARTTLS\n"
#define ASKED   "C: STARTTLS\nS: 220 2.0.0 go on\n"
#define MAY      .tls = SMTP_CL_TLS_MAY
#define MUST     .tls = SMTP_CL_TLS_MUST
#define IMPLICIT .tls = SMTP_CL_TLS_IMPLICIT
#define TEXT    "C: x\nC: .\n"

static void all_params(struct smtp_client_mail *mail)
{
	mail->envid = STR("id+2B1");
	mail->ret = SMTP_RET_HDRS;
	mail->body8 = mail->smtputf8 = true;
	mail->rcpts[0].notify = SMTP_NOTIFY_NEVER;
	mail->rcpts[0].orcpt = STR("rfc822;o+2Bo@x.example");
	mail->rcpts[1].notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY;
	mail->rcpts[1].orcpt = STR("utf-8;\xc3\xa9@x.example");
}

static void unfit_params(struct smtp_client_mail *mail)
{
	mail->sender = STR("");
	mail->envid = STR("a b\r\nRSET");
	mail->ret = SMTP_RET_FULL;
	mail->rcpts[0].orcpt = STR("rfc822;x RSET");
	mail->rcpts[1].orcpt = STR("utf-8;\xc3\xa9@x.example");
}

static void bad_rcpts(struct smtp_client_mail *mail)
{
	mail->rcpts[0].address = STR("r0@h.example>\r\nRSET");
	mail->rcpts[1].address = STR("");
	mail->rcpts[2].address = STR("a\0b@h.example");
	mail->rcpts[3].address = STR("\xc3\xa9@h.example");
}

static void bad_sender(struct smtp_client_mail *mail)
{
	mail->sender = STR("a@c.example\nRSET");
}

static void demands_tls(struct smtp_client_mail *mail)
{
	mail->requiretls = true;
}

static void wants_utf8(struct smtp_client_mail *mail)
{
	mail->smtputf8 = true;
}

static void utf8_sender(struct smtp_client_mail *mail)
{
	mail->sender = STR("\xc3\xa9@c.example");
}

static void urgent(struct smtp_client_mail *mail)
{
	mail->priority = -4;
}

static void by(struct smtp_client_mail *mail, enum smtp_by mode, int32_t left_s)
{
	mail->by = (uint8_t)mode;
	mail->by_s = left_s;
}

static void by_notify_others(struct smtp_client_mail *mail)
{
	by(mail, SMTP_BY_NOTIFY, 90);
	mail->rcpts[1].notify = SMTP_NOTIFY_NEVER;
	mail->rcpts[2].notify = SMTP_NOTIFY_SUCCESS;
}

static void by_return(struct smtp_client_mail *mail) { by(mail, SMTP_BY_RETURN, 90); }
static void by_return_over(struct smtp_client_mail *mail) { by(mail, SMTP_BY_RETURN, 0); }

static void by_notify_over(struct smtp_client_mail *mail)
{
	by(mail, SMTP_BY_NOTIFY, -7);
	mail->by_trace = true;
}

static void left_out(struct smtp_client_mail *mail)
{
	mail->rcpts[0].outcome.state = SMTP_RCPT_PERMANENT;
}

static void asks_for_mail(struct smtp_client_mail *mail)
{
	static const struct str domains[] = { STR_INIT("a.example"), STR_INIT("b.example"), STR_INIT("c.example\r\nRSET") };
	mail->etrn = true;
	mail->size = 0;
	for (uint32_t i = 0; i < mail->rcpt_count && i < 3; i++) mail->rcpts[i].address = domains[i];
}

static void fetches_mail(struct smtp_client_mail *mail)
{
	asks_for_mail(mail);
	mail->etrn = false;
	mail->atrn = true;
}

#define ETRN(x) "C: ETRN " #x ".example\n"

const struct client_script client_scripts[] = {
	{ "ETRN", 2, .change = asks_for_mail, .lines =
	  PIPED ETRN(a) "S: 250 2.0.0 started\n" ETRN(b) "S: 253 2.0.0 7 pending\n"
	  "=: sent 250 2.0.0; sent 253 2.0.0\n" },
	{ "ETRN refused, and not known", 3, .change = asks_for_mail, .lines =
	  PLAIN ETRN(a) "S: 459 not you\n" ETRN(b) "S: 502 what\n"
	  "=: temporary 459 4.7.1; temporary 502 4.5.1 protocol; permanent 0 5.1.3\n" },
	{ "ETRN, 421", 2, .change = asks_for_mail, .lines =
	  PLAIN ETRN(a) "S: 251 nothing\n" ETRN(b) "S: 421 later\nE: shut\n" },
	{ "ETRN, lost", 2, .change = asks_for_mail, .lines =
	  PLAIN ETRN(a) "X: close\nE: lost\nW: while sending ETRN\n" },
	{ "ETRN, no answer that makes sense", 1, .change = asks_for_mail, .lines =
	  PLAIN ETRN(a) "S: 354 go on\nE: garbage\n" },
	{ "ETRN, an answer too many", 2, .change = asks_for_mail, .lines =
	  PLAIN ETRN(a) "X: timeout\nE: timeout\n" },
	{ "ETRN, more than one transaction takes", 2, .change = asks_for_mail, .rcpts_max = 1, .mails = 2, .lines =
	  PLAIN ETRN(a) OK ETRN(b) OK "=: sent 250 2.0.0; sent 250 2.0.0\n" },

	{ "ATRN", 2, .change = fetches_mail, .lines =
	  PIPED "C: ATRN a.example,b.example\nS: 250 2.0.0 turning\n"
	  "=: sent 250 2.0.0; sent 250 2.0.0\nV:\n" },
	{ "ATRN, of one that is fit to be said", 3, .change = fetches_mail, .lines =
	  PLAIN "C: ATRN a.example,b.example\nS: 250 turning\n"
	  "=: sent 250 2.0.0; sent 250 2.0.0; permanent 0 5.1.3\nV:\n" },
	{ "ATRN, no mail", 1, .change = fetches_mail, .lines =
	  PLAIN "C: ATRN a.example\nS: 453 none\n=: sent 453 2.0.0\nQ:\nC: QUIT\nS: 221 bye\nE: quit\n" },
	{ "ATRN refused", 2, .change = fetches_mail, .lines =
	  PLAIN "C: ATRN a.example,b.example\nS: 450 not you\n"
	  "=: temporary 450 4.7.1; temporary 450 4.7.1\n" },
	{ "ATRN, who are you", 1, .change = fetches_mail, .lines =
	  PLAIN "C: ATRN a.example\nS: 530 log in\n=: temporary 530 4.7.0\n" },
	{ "ATRN, not known", 1, .change = fetches_mail, .lines =
	  PLAIN "C: ATRN a.example\nS: 502 what\n=: temporary 502 4.5.1 protocol\n" },
	{ "ATRN, 421", 1, .change = fetches_mail, .lines =
	  PLAIN "C: ATRN a.example\nS: 421 later\nE: shut\n" },
	{ "ATRN, lost", 1, .change = fetches_mail, .lines =
	  PLAIN "C: ATRN a.example\nX: close\nE: lost\nW: while sending ATRN\n" },
	{ "ATRN, garbage", 1, .change = fetches_mail, .lines =
	  PLAIN "C: ATRN a.example\nS: 354 go on\nE: garbage\n" },

	{ "plain", 2, .lines =
	  PLAIN MAIL OK RCPT(0) OK RCPT(1) OK "C: DATA\nS: 354 go\n" TEXT
	  "S: 250 2.6.0 queued\n=: sent 250 2.6.0; sent 250 2.6.0\n"
	  "Q:\nC: QUIT\nS: 221 bye\nE: quit\n" },
	{ "HELO", 1, .lines =
	  TO_HELO MAIL OK RCPT(0) OK "C: DATA\nS: 354 go\n" TEXT
	  "S: 250 ok\n=: sent 250 2.0.0\n", .helo = true },
	{ "pipelined", 2, .lines =
	  PIPED MAIL RCPT(0) RCPT(1) "C: DATA\n" OK OK OK "S: 354 go\n" TEXT
	  OK "=: sent 250 2.0.0; sent 250 2.0.0\n" },
	{ "BDAT", 1, .lines =
	  CHUNKS MAIL OK RCPT(0) OK "C: BDAT 3 LAST\nC: x\n" OK "=: sent 250 2.0.0\n" },
	{ "BDAT in one flight, dots as they are", 2, .lines =
	  FLIGHT MAIL RCPT(0) RCPT(1) "C: BDAT 3 LAST\nC: .\n" OK OK OK OK
	  "=: sent 250 2.0.0; sent 250 2.0.0\n", .text = ".\r\n" },
	{ "BDAT of nothing", 1, .lines =
	  FLIGHT MAIL RCPT(0) "C: BDAT 0 LAST\n" OK OK OK "=: sent 250 2.0.0\n",
	  .text = "" },
	{ "LMTP answers for each", 3, .lines =
	  LMTP MAIL RCPT(0) RCPT(1) RCPT(2) OK OK "S: 550 no\n" OK
	  "C: DATA\nS: 354 go\n" TEXT "S: 250 ok\nS: 452 4.2.2 full\n"
	  "=: sent 250 2.0.0; permanent 550 5.1.1; temporary 452 4.2.2\n", .lmtp = true },
	{ "LMTP lost between two answers", 2, .lines =
	  LMTP MAIL RCPT(0) RCPT(1) OK OK OK "C: DATA\nS: 354 go\n" TEXT OK "X: close\n"
	  "=: sent 250 2.0.0; temporary 0 4.4.2 session doubt\nE: lost\n", .lmtp = true },
	{ "LMTP nobody accepted", 1, .lines =
	  LMTP MAIL RCPT(0) OK "S: 550 5.1.1 no\nC: RSET\n"
	  "=: permanent 550 5.1.1\n" OK "Q:\nC: QUIT\nX: close\nE: quit\n", .lmtp = true },
	{ "parameters as offered", 2, .lines =
	  TO_EHLO "S: 250-h\nS: 250-SIZE\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250 DSN\n"
	  "C: MAIL FROM:<a@c.example> SIZE=3 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+2B1\n"
	  OK "C: RCPT TO:<r0@h.example> NOTIFY=NEVER ORCPT=rfc822;o+2Bo@x.example\n" OK
	  "C: RCPT TO:<r1@h.example> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\xc3\xa9@x.example\n"
	  "X: close\n", .change = all_params },
	{ "only SMTPUTF8 offered", 2, .lines =
	  TO_EHLO "S: 250-h\nS: 250 SMTPUTF8\nC: MAIL FROM:<a@c.example> SMTPUTF8\n" OK
	  RCPT(0) OK RCPT(1) "X: close\n", .change = all_params },
	{ "a priority where it is offered", 1, .lines =
	  TO_EHLO "S: 250-h\nS: 250 MT-PRIORITY MIXER\n"
	  "C: MAIL FROM:<a@c.example> MT-PRIORITY=-4\nX: close\n", .change = urgent },
	{ "a priority where it is not", 1, .lines =
	  PLAIN "C: MAIL FROM:<a@c.example>\nX: close\n", .change = urgent },
	{ "a time where it is offered", 1, .lines =
	  TO_EHLO "S: 250-h\nS: 250 DELIVERBY\nC: MAIL FROM:<a@c.example> BY=90;R\nX: close\n",
	  .change = by_return },
	{ "a time that is just long enough", 1, .lines =
	  TO_EHLO "S: 250-h\nS: 250 DELIVERBY 90,x\nC: MAIL FROM:<a@c.example> BY=90;R\nX: close\n",
	  .change = by_return },
	{ "a time that is too short", 1, .lines =
	  TO_EHLO "S: 250-h\nS: 250 DELIVERBY 91\n=: permanent 0 5.4.7 host\nQ:\nC: QUIT\n",
	  .change = by_return },
	{ "a time where it is not offered", 1, .lines =
	  PLAIN "=: permanent 0 5.4.7 host\nQ:\nC: QUIT\n", .change = by_return },
	{ "a time after HELO", 1, .lines =
	  TO_HELO "=: temporary 0 4.4.7\nQ:\nC: QUIT\n", .helo = true, .change = by_return },
	{ "a time that is over", 1, .lines =
	  TO_EHLO "S: 250-h\nS: 250 DELIVERBY\n=: permanent 0 5.4.7\nQ:\nC: QUIT\n",
	  .change = by_return_over },
	{ "a notice that is due, and a trace", 1, .lines =
	  TO_EHLO "S: 250-h\nS: 250 DELIVERBY 900\nC: MAIL FROM:<a@c.example> BY=-7;NT\nX: close\n",
	  .change = by_notify_over },
	{ "a notice where it is not offered", 1, .lines =
	  PLAIN "C: MAIL FROM:<a@c.example>\nX: close\n", .change = by_notify_over },
	/* RFC 2852 4.1.4.2 */
	{ "a notice where it is not offered, and reports are", 3, .lines =
	  TO_EHLO "S: 250-h\nS: 250 DSN\nC: MAIL FROM:<a@c.example>\n" OK
	  "C: RCPT TO:<r0@h.example> NOTIFY=FAILURE,DELAY\n" OK "C: RCPT TO:<r1@h.example> NOTIFY=NEVER\n" OK
	  "C: RCPT TO:<r2@h.example> NOTIFY=SUCCESS,DELAY\nX: close\n", .change = by_notify_others },
	{ "a notice where both are offered", 3, .lines =
	  TO_EHLO "S: 250-h\nS: 250-DELIVERBY\nS: 250 DSN\nC: MAIL FROM:<a@c.example> BY=90;N\n" OK
	  "C: RCPT TO:<r0@h.example>\n" OK "C: RCPT TO:<r1@h.example> NOTIFY=NEVER\n" OK
	  "C: RCPT TO:<r2@h.example> NOTIFY=SUCCESS\nX: close\n", .change = by_notify_others },
	{ "a notice that is late, where only reports are offered", 3, .lines =
	  TO_EHLO "S: 250-h\nS: 250 DSN\nC: MAIL FROM:<a@c.example>\n" OK
	  "C: RCPT TO:<r0@h.example>\nX: close\n", .change = by_notify_over },
	{ "parameters that are not fit", 2, .lines =
	  TO_EHLO "S: 250-h\nS: 250 DSN\nC: MAIL FROM:<> RET=FULL\n" OK RCPT(0) OK RCPT(1)
	  "X: close\n", .change = unfit_params },
	{ "addresses that are not fit", 5, .lines =
	  PLAIN MAIL OK "C: RCPT TO:<r4@h.example>\n" OK "C: DATA\nS: 354 go\n" TEXT OK
	  "=: permanent 0 5.1.3; permanent 0 5.1.3; permanent 0 5.1.3; "
	  "permanent 0 5.6.7 host; sent 250 2.0.0\n", .change = bad_rcpts },
	{ "a recipient in UTF-8", 5, .lines =
	  TO_EHLO "S: 250-h\nS: 250 SMTPUTF8\nC: MAIL FROM:<a@c.example> SMTPUTF8\n" OK
	  "C: RCPT TO:<\xc3\xa9@h.example>\nX: local\nE: local\n", .change = bad_rcpts },
	{ "a sender that is not fit", 2, .lines =
	  PLAIN "=: permanent 0 5.1.7; permanent 0 5.1.7\nQ:\nC: QUIT\n",
	  .change = bad_sender },
	{ "SMTPUTF8 is not offered", 1, .lines =
	  PLAIN "=: permanent 0 5.6.7 host\n", .change = wants_utf8 },
	{ "SMTPUTF8 is not offered to the sender", 1, .lines =
	  PLAIN "=: permanent 0 5.6.7 host\n", .change = utf8_sender },
	{ "SMTPUTF8 after HELO", 1, .lines =
	  TO_HELO "=: temporary 0 4.6.7\n", .change = wants_utf8, .helo = true },
	{ "8-bit text without 8BITMIME", 1, .lines =
	  PLAIN "C: MAIL FROM:<a@c.example>\nX: close\n", .text = "\xe9\r\n" },
	{ "SIZE is too small", 2, .lines =
	  TO_EHLO "S: 250-h\nS: 250 SIZE 2\n"
	  "=: permanent 0 5.3.4 host; permanent 0 5.3.4 host\n" },
	{ "SIZE 0 is no limit", 1, .lines =
	  TO_EHLO "S: 250-h\nS: 250 SIZE 0\nC: MAIL FROM:<a@c.example> SIZE=3\nX: close\n" },
	{ "a recipient that has its outcome", 2, .lines =
	  PLAIN MAIL OK RCPT(1) OK "C: DATA\nS: 354 go\n" TEXT OK
	  "=: permanent 0 ; sent 250 2.0.0\n", .change = left_out },
	{ "MAIL refused", 2, .lines =
	  PLAIN MAIL "S: 550 no\n=: permanent 550 5.7.1; permanent 550 5.7.1\n"
	  "Q:\nC: QUIT\n" },
	{ "MAIL refused, pipelined, and 354 for all that", 2, .lines =
	  PIPED MAIL RCPT(0) RCPT(1) "C: DATA\nS: 451 4.7.1 wait\nS: 250 ok\n"
	  "S: 503 MAIL first\nS: 354 go\nC: .\nS: 554 nobody\n"
	  "=: temporary 451 4.7.1; temporary 451 4.7.1\nQ:\nC: QUIT\n" },
	{ "MAIL refused stands for the recipients of the next transaction", 2, .lines =
	  PLAIN MAIL "S: 553 no\n=: permanent 553 5.1.7; permanent 553 5.1.7\n",
	  .rcpts_max = 1, .mails = 9 },
	{ "all refused, 354, a dot alone", 1, .lines =
	  PIPED MAIL RCPT(0) "C: DATA\n" OK "S: 550 no\nS: 354 go\nC: .\nS: 250 fine\n"
	  "=: permanent 550 5.1.1\nQ:\nC: QUIT\n" },
	{ "all refused, and DATA too", 1, .lines =
	  PIPED MAIL RCPT(0) "C: DATA\n" OK "S: 550 no\nS: 503 no\nC: RSET\n"
	  "=: permanent 550 5.1.1\n" },
	{ "all refused, BDAT was on its way", 1, .lines =
	  FLIGHT MAIL RCPT(0) "C: BDAT 3 LAST\nC: x\n" OK "S: 550 no\nS: 503 no\n"
	  "C: RSET\n=: permanent 550 5.1.1\n" },
	{ "each recipient its reply", 4, .lines =
	  PIPED MAIL RCPT(0) RCPT(1) RCPT(2) RCPT(3) "C: DATA\n" OK
	  "S: 450 4.2.1 busy\nS: 251 will forward\nS: 552 5.2.2 full\nS: 501 what\n"
	  "S: 354 go\n" TEXT "S: 250 ok\n=: temporary 450 4.2.1; sent 250 2.0.0; "
	  "temporary 552 4.2.2; permanent 501 5.5.4 protocol\n" },
	{ "DATA refused", 2, .lines =
	  PLAIN MAIL OK RCPT(0) OK RCPT(1) "S: 550 no\nC: DATA\nS: 451 later\nC: RSET\n"
	  "=: temporary 451 4.3.0; permanent 550 5.1.1\n" },
	{ "the message refused", 2, .lines =
	  PLAIN MAIL OK RCPT(0) OK RCPT(1) "S: 450 later\nC: DATA\nS: 354 go\n" TEXT
	  "S: 554 5.6.0 no\n=: permanent 554 5.6.0; temporary 450 4.2.0\nQ:\nC: QUIT\n" },
	{ "the message refused after BDAT", 1, .lines =
	  CHUNKS MAIL OK RCPT(0) OK "C: BDAT 3 LAST\nC: x\nS: 552 large\nC: RSET\n"
	  "=: permanent 552 5.3.4\nS: 250 ok\nQ:\nC: QUIT\n" },
	{ "RSET refused", 1, .lines =
	  PLAIN MAIL OK RCPT(0) "S: 550 no\nC: RSET\n=: permanent 550 5.1.1\nS: 500 what\n"
	  "C: QUIT\nE: refused\n" },
	{ "too many recipients", 4, .lines =
	  PLAIN MAIL OK RCPT(0) OK RCPT(1) "S: 452 4.5.3 enough\nC: DATA\nS: 354 go\n" TEXT
	  OK "=: sent 250 2.0.0; untried 452 4.5.3; untried 0 4.5.3; untried 0 4.5.3\n" },
	{ "too many recipients, then the rest", 3, .lines =
	  PIPED MAIL RCPT(0) RCPT(1) RCPT(2) "C: DATA\n" OK OK "S: 552 many\n"
	  "S: 550 5.5.3 many\nS: 354 go\n" TEXT OK
	  MAIL RCPT(1) RCPT(2) "C: DATA\n" OK OK OK "S: 354 go\n" TEXT "S: 250 2.1.0 ok\n"
	  "=: sent 250 2.0.0; sent 250 2.1.0; sent 250 2.1.0\n", .mails = 9 },
	{ "too many for one is a failure", 2, .lines =
	  PLAIN MAIL OK RCPT(0) "S: 452 many\n" RCPT(1) "S: 552 many\nC: RSET\n"
	  "=: temporary 452 4.5.3; temporary 552 4.2.2\n" },
	{ "452 about the mailbox", 3, .lines =
	  PLAIN MAIL OK RCPT(0) OK RCPT(1) "S: 452 4.2.2 over quota\n" RCPT(2)
	  "S: 452 4.1.1 x\nC: DATA\nS: 354 go\n" TEXT OK
	  "=: sent 250 2.0.0; temporary 452 4.2.2; temporary 452 4.1.1\n" },
	{ "recipients over our own limit", 3, .lines =
	  PLAIN MAIL OK RCPT(0) OK "C: DATA\nS: 354 go\n" TEXT OK
	  MAIL OK RCPT(1) OK "C: DATA\nX: close\n"
	  "=: sent 250 2.0.0; temporary 0 4.4.2 session; untried 0 4.5.3\n",
	  .rcpts_max = 1, .mails = 9 },
	{ "RCPTMAX", 2, .lines =
	  TO_EHLO "S: 250-h\nS: 250 LIMITS RCPTMAX=1\n" MAIL OK RCPT(0) OK
	  "C: DATA\nS: 354 go\n" TEXT OK "=: sent 250 2.0.0; untried 0 4.5.3\n" },
	{ "MAILMAX", 2, .lines =
	  TO_EHLO "S: 250-h\nS: 250 LIMITS MAILMAX=1 RCPTMAX=1\n" MAIL OK RCPT(0) OK
	  "C: DATA\nS: 354 go\n" TEXT OK "C: QUIT\nS: 221 bye\n"
	  "=: sent 250 2.0.0; untried 0 4.5.3\nE: quit\n", .mails = 9 },
	{ "greeting refused", 1, .lines = "S: 554 no\nC: QUIT\nE: refused\n" },
	{ "greeting 421", 1, .lines = "S: 421 no\nE: shut\n" },
	{ "greeting of many lines", 1, .lines =
	  "S: 220-a\nS: 220-b\nS: 220 c\nC: EHLO us.example\n" },
	{ "EHLO 5xx", 1, .lines = TO_EHLO "S: 502 what\nC: QUIT\nE: ehlo-failed\n" },
	{ "EHLO 4xx", 1, .lines = TO_EHLO "S: 450 later\nC: QUIT\nE: refused\n" },
	{ "EHLO 421", 1, .lines = TO_EHLO "S: 421 later\nE: shut\n" },
	{ "Q197142: lost after EHLO", 1, .lines = TO_EHLO "X: close\nE: ehlo-failed\n" },
	{ "EHLO silence", 1, .lines = TO_EHLO "X: timeout\nE: ehlo-failed\n" },
	{ "EHLO given up here", 1, .lines = TO_EHLO "X: local\nE: local\n" },
	{ "EHLO garbage", 1, .lines = TO_EHLO "S: what?\nE: ehlo-failed\n" },
	{ "HELO refused", 1, .lines =
	  "S: 220 x\nC: HELO us.example\nS: 550 no\nC: QUIT\nE: refused\n", .helo = true },
	{ "LHLO refused", 1, .lines =
	  "S: 220 x\nC: LHLO us.example\nS: 550 no\nC: QUIT\nE: refused\n", .lmtp = true },
	{ "LMTP never says HELO", 1, .lines =
	  "S: 220 x\nC: LHLO us.example\nX: close\nE: lost\n", .lmtp = true, .helo = true },
	{ "DATA answered 250", 1, .lines =
	  PLAIN MAIL OK RCPT(0) OK "C: DATA\nS: 250 ok\n"
	  "=: temporary 0 4.5.0 session protocol\nE: garbage\n" },
	{ "RCPT answered 354", 1, .lines =
	  PLAIN MAIL OK RCPT(0) "S: 354 go\n"
	  "=: temporary 0 4.5.0 session protocol\nE: garbage\n" },
	{ "the end answered 354", 1, .lines =
	  PLAIN MAIL OK RCPT(0) OK "C: DATA\nS: 354 go\n" TEXT "S: 354 go\n"
	  "=: temporary 0 4.5.0 session doubt protocol\nE: garbage\n" },
	{ "421 in the middle of a flight", 3, .lines =
	  PIPED MAIL RCPT(0) RCPT(1) RCPT(2) "C: DATA\n" OK OK "S: 421 4.3.2 down\n"
	  "=: temporary 421 4.3.2 session; temporary 421 4.3.2 session; "
	  "temporary 421 4.3.2 session\nE: shut\n" },
	{ "421 for the message", 2, .lines =
	  PLAIN MAIL OK RCPT(0) "S: 550 no\n" RCPT(1) OK "C: DATA\nS: 354 go\n" TEXT
	  "S: 421 down\n=: permanent 550 5.1.1; temporary 421 4.3.2 session\nE: shut\n" },
	{ "lost with BDAT in flight", 2, .lines =
	  FLIGHT MAIL RCPT(0) RCPT(1) "C: BDAT 3 LAST\nC: x\n" OK "S: 550 no\nX: close\n"
	  "=: permanent 550 5.1.1; temporary 0 4.4.2 session doubt\nE: lost\n" },
	{ "shut while idle", 1, .lines =
	  PLAIN MAIL "S: 550 no\n=: permanent 550 5.7.1\nS: 421 too long\nE: shut\n" },
	{ "lost while idle", 1, .lines =
	  PLAIN MAIL "S: 550 no\n=: permanent 550 5.7.1\nX: close\nE: lost\n" },
	{ "a reply to nothing", 1, .lines =
	  PLAIN MAIL "S: 550 no\n=: permanent 550 5.7.1\nS: 250 what\nE: garbage\n" },
	{ "QUIT asked for early", 1, .lines =
	  "S: 220 x\nC: EHLO us.example\nQ:\nS: 250 x\n"
	  "C: QUIT\nS: what\nE: quit\n" },
	{ "QUIT asked for in a transaction", 1, .lines =
	  PLAIN MAIL "Q:\n" OK RCPT(0) "S: 550 no\n=: permanent 550 5.1.1\n"
	  "C: QUIT\nS: 221 bye\nE: quit\n" },
	/* TLS */
	{ "STARTTLS is not wanted", 1, .lines =
	  OFFERS MAIL "X: close\nE: lost\n" },
	{ "STARTTLS, where it may be", 1, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nS: 250-h.example\nS: 250 SIZE\n"
	  "C: MAIL FROM:<a@c.example> SIZE=3\nX: close\nE: lost\n", MAY },
	{ "what was offered before is forgotten", 2, .lines =
	  TO_EHLO "S: 250-h.example\nS: 250-PIPELINING\nS: 250-DSN\nS: 250 STARTTLS\n" ASKED
	  "T: \nC: EHLO us.example\nS: 250 h.example\n" MAIL OK RCPT(0) "X: close\nE: lost\n",
	  MUST },
	{ "not offered, may", 1, .lines = PLAIN MAIL "X: close\nE: lost\n", MAY },
	{ "not offered, must", 1, .lines =
	  PLAIN "C: QUIT\nE: tls-failed\nW: mx.h.example does not offer STARTTLS\n", MUST },
	{ "HELO, may", 1, .lines = TO_HELO MAIL "X: close\nE: lost\n", MAY, .helo = true },
	{ "HELO, must", 1, .lines =
	  TO_HELO "C: QUIT\nE: tls-failed\nW: mx.h.example does not know EHLO\n", MUST,
	  .helo = true },
	{ "refused for now", 1, .lines =
	  OFFERS "C: STARTTLS\nS: 454 4.7.0 not now\nC: QUIT\nE: tls-failed\n"
	  "W: mx.h.example offers STARTTLS and refuses it: 454 4.7.0 not now\n", MUST },
	{ "refused, and it may be clear", 1, .lines =
	  OFFERS "C: STARTTLS\nS: 502 5.5.1 what?\nC: QUIT\nE: tls-failed\n", MAY },
	{ "421 to STARTTLS", 1, .lines = OFFERS "C: STARTTLS\nS: 421 down\nE: shut\n", MUST },
	{ "no reply to STARTTLS", 1, .lines =
	  OFFERS "C: STARTTLS\nS: HTTP/1.0 nothing\nE: tls-failed\nW: sending STARTTLS\n",
	  MUST },
	{ "354 to STARTTLS", 1, .lines = OFFERS "C: STARTTLS\nS: 354 go\nE: tls-failed\n", MAY },
	{ "lost at STARTTLS", 1, .lines =
	  OFFERS "C: STARTTLS\nX: close\nE: tls-failed\n"
	  "W: lost connection while sending STARTTLS\n", MUST },
	{ "silence at STARTTLS", 1, .lines =
	  OFFERS "C: STARTTLS\nX: timeout\nE: tls-failed\n", MAY },
	{ "given up at STARTTLS", 1, .lines =
	  OFFERS "C: STARTTLS\nX: local\nE: local\n", MUST },
	{ "the handshake fails", 1, .lines =
	  OFFERS ASKED "T: 4.7.5 TLS with mx.h.example failed: wrong version\nE: tls-failed\n"
	  "W: failed: wrong version\n", MUST },
	{ "lost in the handshake", 1, .lines =
	  OFFERS ASKED "X: close\nE: tls-failed\nW: lost connection while negotiating TLS\n",
	  MUST },
	{ "timeout in the handshake", 1, .lines =
	  OFFERS ASKED "X: timeout\nE: tls-failed\nW: timed out while negotiating TLS\n", MAY },
	{ "CVE-2011-0411: clear text behind the answer", 1, .lines =
	  OFFERS ASKED "S: 250-h.example\nS: 250 AUTH PLAIN\nE: garbage\n"
	  "W: mx.h.example: clear text came behind the answer to STARTTLS\n", MUST },
	{ "the same where it may be clear", 1, .lines =
	  OFFERS ASKED "S: x\nE: garbage\n", MAY },
	{ "EHLO refused under TLS", 1, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nS: 550 no\nC: QUIT\nE: tls-failed\n", MAY },
	{ "EHLO put off under TLS", 1, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nS: 450 no\nC: QUIT\nE: tls-failed\n", MAY },
	{ "lost at EHLO under TLS", 1, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nX: close\nE: tls-failed\n", MUST },
	{ "garbage at EHLO under TLS", 1, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nS: what\nE: tls-failed\n", MUST },
	{ "STARTTLS once more is not asked for", 1, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nS: 250-h.example\nS: 250 STARTTLS\n" MAIL
	  "X: close\nE: lost\n", MUST },
	{ "LMTP with STARTTLS", 1, .lines =
	  "S: 220 h.example\nC: LHLO us.example\nS: 250-h.example\nS: 250 STARTTLS\n" ASKED
	  "T: \nC: LHLO us.example\nS: 250 h.example\n" MAIL "X: close\nE: lost\n", MUST,
	  .lmtp = true },
	{ "LMTP lost at LHLO under TLS", 1, .lines =
	  "S: 220 h.example\nC: LHLO us.example\nS: 250-h.example\nS: 250 STARTTLS\n" ASKED
	  "T: \nC: LHLO us.example\nX: close\nE: tls-failed\n", MUST, .lmtp = true },
	{ "REQUIRETLS", 1, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nS: 250-h.example\nS: 250 requiretls\n"
	  "C: MAIL FROM:<a@c.example> REQUIRETLS\nX: close\nE: lost\n", MUST, .change = demands_tls },
	{ "REQUIRETLS is offered and not demanded", 1, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nS: 250-h.example\nS: 250 REQUIRETLS\n" MAIL
	  "X: close\nE: lost\n", MUST },
	{ "REQUIRETLS is not offered", 2, .lines =
	  OFFERS ASKED "T: \nC: EHLO us.example\nS: 250 h.example\n"
	  "=: permanent 0 5.7.30 host; permanent 0 5.7.30 host\nQ:\nC: QUIT\n", MUST, .change = demands_tls },
	{ "REQUIRETLS is offered before TLS only", 1, .lines =
	  TO_EHLO "S: 250-h.example\nS: 250-REQUIRETLS\nS: 250 STARTTLS\n" ASKED
	  "T: \nC: EHLO us.example\nS: 250 h.example\n=: permanent 0 5.7.30 host\n", MUST,
	  .change = demands_tls },
	{ "REQUIRETLS in the clear", 1, .lines =
	  TO_EHLO "S: 250-h.example\nS: 250 REQUIRETLS\n=: permanent 0 5.7.30 host\n",
	  .change = demands_tls },
	{ "REQUIRETLS after HELO", 1, .lines =
	  TO_HELO "=: permanent 0 5.7.30 host\n", .helo = true, .change = demands_tls },
	{ "TLS from the first octet", 1, .lines =
	  "T: \nS: 220 h.example\nC: EHLO us.example\nS: 250-h.example\nS: 250 STARTTLS\n" MAIL
	  "X: close\nE: lost\n", IMPLICIT },
	{ "TLS from the first octet fails", 1, .lines =
	  "T: 4.7.5 no common cipher\nE: tls-failed\nW: no common cipher\n", IMPLICIT },
	{ "TLS from the first octet, EHLO refused", 1, .lines =
	  "T: \nS: 220 h.example\nC: EHLO us.example\nS: 502 what\nC: QUIT\nE: ehlo-failed\n",
	  IMPLICIT },
	{ "TLS from the first octet, HELO", 1, .lines =
	  "T: \n" TO_HELO MAIL "X: close\nE: lost\n", IMPLICIT, .helo = true },
	{ "TLS from the first octet, lost at the greeting", 1, .lines =
	  "T: \nX: close\nE: lost\n", IMPLICIT },
	{ .name = NULL },
};
