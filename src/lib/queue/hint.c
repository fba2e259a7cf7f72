/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/hint.h"

/* Parts of replies, in lower case; of several that fit the first decides. */
static const struct {
	struct str words;
	enum hint hint;
} table[] = {
	/* Not about us. Gmail: "The user you are trying to contact is receiving mail at a rate
	 * that …"; Exchange: "sender thread limit" is of one mailbox. */
	{ STR_INIT(" 4.2.1 "), HINT_NONE },
	{ STR_INIT(" 4.2.2 "), HINT_NONE },
	{ STR_INIT(" 4.5.3 "), HINT_NONE }, /* too many recipients */
	{ STR_INIT("too many recipients"), HINT_NONE },
	{ STR_INIT("greylist"), HINT_NONE },
	{ STR_INIT("graylist"), HINT_NONE },
	{ STR_INIT("grey list"), HINT_NONE },
	{ STR_INIT("user you are trying to contact"), HINT_NONE },
	{ STR_INIT("too many hops"), HINT_NONE },
	/* Connections. Postfix, Exim, sendmail, Yahoo, Microsoft, Comcast, Orange, and others. */
	{ STR_INIT("too many connections"), HINT_CROWD },
	{ STR_INIT("too many concurrent"), HINT_CROWD },
	{ STR_INIT("too many simultaneous"), HINT_CROWD },
	{ STR_INIT("too many open connections"), HINT_CROWD },
	{ STR_INIT("too many sessions"), HINT_CROWD },
	{ STR_INIT("connection limit"), HINT_CROWD },
	{ STR_INIT("connections limit"), HINT_CROWD },
	{ STR_INIT("concurrent connection"), HINT_CROWD },
	{ STR_INIT("concurrency limit"), HINT_CROWD },
	{ STR_INIT("thread limit exceeded"), HINT_CROWD },
	{ STR_INIT("ofr_104"), HINT_CROWD },   /* Orange */
	{ STR_INIT("ofr004_104"), HINT_CROWD },
	{ STR_INIT("rl000010"), HINT_CROWD },  /* Comcast */
	/* Our address. Yahoo [TSS…] and [TS03], GMX, Outlook S775/S77719 and the like. */
	{ STR_INIT("permanently deferred"), HINT_ADDRESS },
	{ STR_INIT("temporarily blocked"), HINT_ADDRESS },
	{ STR_INIT("temporarily block"), HINT_ADDRESS },
	{ STR_INIT("ip is blocked"), HINT_ADDRESS },
	{ STR_INIT("address is blocked"), HINT_ADDRESS },
	{ STR_INIT("blocked due to"), HINT_ADDRESS },
	{ STR_INIT("too many spams"), HINT_ADDRESS }, /* Free */
	/* Rates. */
	{ STR_INIT(" 4.7.28 "), HINT_RATE },  /* Gmail: unusual rate from the address */
	{ STR_INIT(" 4.7.29 "), HINT_RATE },
	{ STR_INIT(" 4.7.500 "), HINT_RATE }, /* Microsoft: server busy */
	{ STR_INIT(" 4.7.650 "), HINT_RATE }, /* Microsoft: limited by reputation */
	{ STR_INIT(" 4.7.651 "), HINT_RATE },
	{ STR_INIT("rp-001"), HINT_RATE },    /* Outlook.com */
	{ STR_INIT("rp-002"), HINT_RATE },
	{ STR_INIT("rp-003"), HINT_CROWD },
	{ STR_INIT("[tss"), HINT_RATE },      /* Yahoo, AOL */
	{ STR_INIT("[ts0"), HINT_RATE },
	{ STR_INIT("unexpected volume"), HINT_RATE },
	{ STR_INIT("rl0000"), HINT_RATE },    /* Comcast */
	{ STR_INIT("rate limit"), HINT_RATE },
	{ STR_INIT("rate-limit"), HINT_RATE },
	{ STR_INIT("ratelimit"), HINT_RATE },
	{ STR_INIT("unusual rate"), HINT_RATE },
	{ STR_INIT("exceeded the rate"), HINT_RATE },
	{ STR_INIT("sending rate"), HINT_RATE },
	{ STR_INIT("throttl"), HINT_RATE },
	{ STR_INIT("slow down"), HINT_RATE },
	{ STR_INIT("too fast"), HINT_RATE },
	{ STR_INIT("too quickly"), HINT_RATE },
	{ STR_INIT("too much mail"), HINT_RATE }, /* Postfix's anvil */
	{ STR_INIT("too many messages"), HINT_RATE },
	{ STR_INIT("too many mails"), HINT_RATE },
	{ STR_INIT("too many emails"), HINT_RATE },
	{ STR_INIT("veuillez essayer plus tard"), HINT_RATE }, /* Orange: Service refuse */
};

static bool holds(struct str text, struct str words)
{
	for (size_t i = 0; i + words.len <= text.len; i++)
		if (str_eq_nocase(str_sub(text, i, words.len), words)) return true;
	return false;
}

enum hint hint_read(struct str reply)
{
	if (reply.len < 3 || reply.at[0] != '4' || !ascii_is_digit(reply.at[1]) ||
	    !ascii_is_digit(reply.at[2]))
		return HINT_NONE;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (holds(reply, table[i].words)) return table[i].hint;
	/* "421 4.3.2": it does not say why it does not want us now. */
	return HINT_NONE;
}

struct str hint_words(enum hint hint)
{
	switch (hint) {
	case HINT_NONE: break;
	case HINT_CROWD: return STR("too many connections");
	case HINT_RATE: return STR("too much in a time");
	case HINT_ADDRESS: return STR("our address is not wanted for a while");
	case HINT_SLOW: return STR("it takes longer than before");
	}
	return STR("");
}
