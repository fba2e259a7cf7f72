/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dsn/explain.h"

enum { ANY = 1000 }; /* a detail that no code has */

#define CHECK_ADDRESS "Check the spelling of the address, or ask the recipient for it."
#define LATER         "Send the message again later. If that does not help, write to the " \
	              "recipient in another way."
#define ASK_THEIRS    "Ask the postmaster of the recipient's domain, and show this report."
#define ASK_OURS      "Ask the postmaster of this server, and show this report."
#define MAKE_SMALLER  "Make the message smaller, or send the large parts in another way."

static const struct {
	unsigned subject, detail;
	struct dsn_explanation says;
} table[] = {
#define ROW(subject, detail, happened, advice) \
	{ subject, detail, { STR_INIT(happened), STR_INIT(advice) } },
	ROW(1, 1, "There is no mailbox with this address.", CHECK_ADDRESS)
	ROW(1, 2, "The domain of this address does not exist, or takes no mail.",
	    "Check the part of the address behind the @.")
	ROW(1, 3, "The server did not understand this address.", CHECK_ADDRESS)
	ROW(1, 4, "The address stands for more than one recipient.",
	    "Use the full address of the one whom you mean.")
	ROW(1, 6, "The recipient has moved and left no new address.",
	    "Ask the recipient for the new address.")
	ROW(1, 7, "The server did not understand the address of the sender.",
	    "Check the sender's address in the settings of your mail program.")
	ROW(1, 8, "The server does not believe the address of the sender: its domain does "
	    "not exist or takes no mail.",
	    "Check the sender's address in the settings of your mail program.")
	ROW(1, 10, "The domain of this address says that it takes no mail at all.",
	    "Check the part of the address behind the @.")
	ROW(1, ANY, "Something is wrong with this address.", CHECK_ADDRESS)

	ROW(2, 1, "The mailbox is closed and takes no messages.",
	    "Write to the recipient in another way.")
	ROW(2, 2, "The mailbox is full.",
	    "Tell the recipient in another way, and send the message again when there is room.")
	ROW(2, 3, "The message is larger than this mailbox takes.", MAKE_SMALLER)
	ROW(2, 4, "The mailing list could not be resolved to its members.",
	    "Ask whoever keeps the list.")
	ROW(2, ANY, "The mailbox did not take the message.", LATER)

	ROW(3, 1, "The server had no room for the message.", LATER)
	ROW(3, 2, "The server takes no messages at this time.", LATER)
	ROW(3, 3, "The server cannot do what this message needs.", ASK_THEIRS)
	ROW(3, 4, "The message is larger than the server takes.", MAKE_SMALLER)
	ROW(3, 5, "The server is not set up as it should be.", ASK_THEIRS)
	ROW(3, ANY, "The server of the recipient had a problem of its own.", LATER)

	ROW(4, 1, "The server of the recipient did not answer.", LATER)
	ROW(4, 2, "The connection to the server of the recipient broke again and again.", LATER)
	ROW(4, 3, "A directory or a name server that had to be asked did not answer.", LATER)
	ROW(4, 4, "No way to the server of the recipient was found.",
	    "Check the part of the address behind the @. If it is right, ask the postmaster "
	    "of that domain.")
	ROW(4, 5, "The mail system is overloaded.", LATER)
	ROW(4, 6, "The message went in a circle and was stopped.", ASK_THEIRS)
	ROW(4, 7, "The message could not be delivered in the time that is allowed.", LATER)
	ROW(4, ANY, "The server of the recipient could not be reached.", LATER)

	ROW(5, 3, "The message has more recipients than the server takes at a time.",
	    "Send the message to fewer recipients at a time.")
	ROW(5, ANY, "The two servers did not understand each other.", ASK_OURS)

	ROW(6, 7, "The server of the recipient does not know addresses with letters "
	    "beyond ASCII.",
	    "Use an address without such letters, if the recipient has one.")
	ROW(6, ANY, "The server could not take the message in the form that it has.",
	    "Send the message in a simpler form, such as plain text.")

	ROW(7, 2, "You may not write to this mailing list.",
	    "Ask whoever keeps the list to admit you.")
	ROW(7, 23, "The server found that this server may not send for the domain of the "
	    "sender (SPF).", ASK_OURS)
	ROW(7, 25, "The server takes no mail from a server without a name (reverse DNS).",
	    ASK_OURS)
	ROW(7, 26, "The sender could not be proved to be the one whom the message names.",
	    ASK_OURS)
	ROW(7, 27, "The domain of the sender says that it takes no mail, so nobody could "
	    "answer.",
	    "Check the sender's address in the settings of your mail program.")
	ROW(7, 28, "There was too much mail in a short time.", LATER)
	ROW(7, ANY, "The server refused the message by a rule of its own.",
	    "Read what it said. If that does not help, write to the recipient in another "
	    "way, or ask the postmaster of that domain.")
#undef ROW
};

static bool number(struct str s, size_t digits_max, unsigned *out)
{
	uint64_t value;
	if (s.len > digits_max || !str_to_u64(s, &value)) return false;
	*out = (unsigned)value;
	return true;
}

bool dsn_status_parts(struct str status, unsigned *subject, unsigned *detail)
{
	unsigned class;
	*subject = *detail = 0;
	if (!number(str_cut(&status, '.'), 1, &class)) return false;
	if (class != 2 && class != 4 && class != 5) return false;
	unsigned s, d;
	if (!number(str_cut(&status, '.'), 3, &s) || !number(status, 3, &d)) return false;
	*subject = s;
	*detail = d;
	return true;
}

bool dsn_status_is_valid(struct str status)
{
	unsigned subject, detail;
	return dsn_status_parts(status, &subject, &detail);
}

struct dsn_explanation dsn_explain(struct str status)
{
	static const struct dsn_explanation nothing = {
		STR_INIT("The server gave no reason that this server knows."),
		STR_INIT(ASK_THEIRS),
	};
	unsigned subject, detail;
	(void)dsn_status_parts(status, &subject, &detail);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		bool fits = table[i].detail == detail || table[i].detail == ANY;
		if (table[i].subject == subject && fits) return table[i].says;
	}
	return nothing;
}
