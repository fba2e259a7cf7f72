/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/man.h"

#include "lib/conf/providers.h"
#include "lib/conf/table.h"
#include "lib/conf/value.h"

static const struct str head = STR_INIT(
	".\\\" SPDX-License-Identifier: Apache-2.0\n"
	".\\\" Made by conf-man from src/lib/conf/settings.def; change that table.\n"
	".TH IMS.CONF 5 \"\" \"Internet Mail Service\" \"File formats\"\n"
	".SH NAME\n"
	"ims.conf \\- configuration of the Internet Mail Service\n"
	".SH SYNOPSIS\n"
	".I /etc/ims/ims.conf\n"
	".SH DESCRIPTION\n"
	"A text file in UTF-8, made of statements.\n"
	"A statement is a word with its values, and ends with its line, at\n"
	".BR ; ,\n"
	"or before the\n"
	".B }\n"
	"that closes its block.\n"
	"A block is a statement with more statements in braces; the\n"
	".B {\n"
	"stands in the line of its word.\n"
	".B #\n"
	"begins a comment.\n"
	"The order of statements does not matter.\n"
	"Blocks without a name may stand several times and are read as one;\n"
	"a setting stands once.\n"
	".PP\n"
	"An empty file is a good one: see the defaults.\n"
	"A file with an error is not used, and a running service keeps the configuration "
	"that it has.\n"
	".B imsctl check\n"
	"shows the errors of a file with their lines,\n"
	".B imsctl config --effective\n"
	"shows each value with its origin.\n"
	".SS Values\n"
	".TP\n"
	".I TEXT\n"
	"A word, or a string in quotes, where \\e\" is a quote and \\e\\e a backslash.\n"
	"A string is needed for blanks and for { } ; # \".\n"
	".TP\n"
	".I PATH\n"
	"An absolute path.\n"
	".TP\n"
	".I SIZE\n"
	"Bytes, or a number with K, M or G (powers of 1024): 4096 64K 50M 2G.\n"
	".TP\n"
	".I DURATION\n"
	"A number with its unit s, m, h, d or w: 90s 15m 4h 2d 1w.\n"
	".TP\n"
	".I NETWORK\n"
	"192.0.2.0/24, 192.0.2.1, 2001:db8::/32. Bits behind the prefix are ignored, "
	"with a warning.\n"
	".SS Other files\n"
	".TP\n"
	".BI include \" PATTERN\"\n"
	"Reads the files that match, as if they stood here; relative to the folder of "
	"this file,\n"
	"in the order of their names. At most 64 files of 8 MiB.\n"
	".TP\n"
	".BI \"host file\" \" PATH\"\n"
	"Reads host rules, one in a line, written as behind the word\n"
	".BR host :\n"
	"192.0.2.0/24 reject.\n");

static const struct str aliases = STR_INIT(
	".SH ALIASES\n"
	"The file of\n"
	".B aliases\n"
	"has one entry a line; a line that begins with a blank goes on with the entry before it, and\n"
	"empty lines and those that begin with # are nothing.\n"
	".PP\n"
	".nf\n"
	"info: ann, bob@far.example\n"
	"staff: :include:/etc/ims/staff\n"
	"\"long name\": ann\n"
	"sales@one.example: bob\n"
	"@two.example: ann\n"
	".fi\n"
	".PP\n"
	"A name is a local part, of all domains of the block (and of others that use the same file),\n"
	"an address, or @domain: what nobody else has, before\n"
	".BR catch-all .\n"
	"Upper and lower case are the same. Behind a name with an @ the colon may be missing. A target\n"
	"is an address, or a local part of the domain that was written to; with a backslash before it,\n"
	"it is not expanded any more. A list file (:include:) has targets only, separated by commas or\n"
	"ends of lines. Programs (|command) and files (/path) are refused: nothing is run here, and\n"
	"nothing is written but mailboxes. So are words like :fail:. A name stands once.\n"
	".PP\n"
	"The first of these that fits an address gets its mail: an alias of exactly that name; a user of\n"
	"exactly that name; an alias of the name without its +detail; a user without it; for postmaster,\n"
	"the address of that setting; the catch\\-all. With\n"
	".B users any\n"
	"all aliases come first. The targets of an alias get the detail, wherever they are, as with\n"
	"Postfix (propagate_unmatched_extensions); those of a catch\\-all do not. Targets are looked up in\n"
	"the same way, to a depth of 10 and 1,000 addresses; each gets one copy. One that leads back to\n"
	"itself is the user of that name. One that is nobody here is left out, with the event\n"
	".BR alias_fault ;\n"
	"if nobody is left, the sender is told that there is no such user, or, if aliases lead in a circle\n"
	"or too far, to come again (451 4.3.5). Targets of other domains go by the routes, whoever the\n"
	"client is. No limit counts more than what the client named, but what it names must fit in one\n"
	"envelope (256 KiB; else 452).\n"
	".PP\n"
	"Targets have the address that was written to as original recipient, if the client gave none.\n"
	"What the client wants reported goes along; of several targets, the first alone reports success.\n"
	"Mail that the server itself makes (reports, notifications) is not expanded: it goes to the mailbox\n"
	"of the address as it is.\n"
	".PP\n"
	"The file and its list files are read by the user of the role directory, who must be able to read\n"
	"them, within two seconds of each change and at each reload; newaliases is not needed. What is wrong in\n"
	"it is told with its line (event\n"
	".BR alias_error ),\n"
	"and the last good version stays in use. If there is none, mail for these domains, but for\n"
	"postmaster, is put off (451). At most 16 MiB, 500,000 entries and 64 uses of list files in a file,\n"
	"and 256 files; a list file in a folder that is new wants a reload.\n");

static const struct str tail =
	STR_INIT(".SH EXAMPLES\n"
		 "A server for one domain and the local network:\n"
		 ".PP\n"
		 ".nf\n"
		 "profile office\n"
		 "hostname mail.example.com\n"
		 "postmaster postmaster@example.com\n"
		 "domain example.com { users staff; deliver maildir /var/mail/%d/%n }\n"
		 "directory staff { sqlite /var/lib/ims/directory.db }\n"
		 "host 192.168.10.0/24 accept relay yes\n"
		 "route default { via smtp.isp.example:587 }\n"
		 ".fi\n"
		 ".SH FILES\n"
		 ".TP\n"
		 ".I /etc/ims/ims.conf\n"
		 "The file that the service reads if no other is named.\n"
		 ".SH SEE ALSO\n"
		 ".BR imsd (8),\n"
		 ".BR imsctl (8)\n");

/* Text of a page: no request at the line's begin, no escape, hyphens that can be copied.
 */
static void text(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\\') buf_str(out, STR("\\e"));
		else if (s.at[i] == '-') buf_str(out, STR("\\-"));
		else if (i == 0 && (s.at[i] == '.' || s.at[i] == '\'')) {
			buf_str(out, STR("\\&"));
			buf_byte(out, s.at[i]);
		} else buf_byte(out, s.at[i]);
	}
}

static struct str value_name(enum conf_type type)
{
	switch (type) {
	case CONF_IS_PROFILE: return STR("PROFILE");
	case CONF_IS_TEXT: return STR("TEXT");
	case CONF_IS_TEXTS: return STR("TEXT...");
	case CONF_IS_PATH:
	case CONF_IS_PATHS: return STR("PATH");
	case CONF_IS_HOSTNAME: return STR("NAME");
	case CONF_IS_MAILBOX: return STR("ADDRESS");
	case CONF_IS_SIZE: return STR("SIZE");
	case CONF_IS_DURATION: return STR("DURATION");
	case CONF_IS_NUMBER: return STR("NUMBER");
	case CONF_IS_DURATIONS: return STR("DURATION...");
	case CONF_IS_ADDRESSES: return STR("ADDRESS:PORT...");
	case CONF_IS_SERVERS: return STR("ADDRESS[:PORT]...");
	case CONF_IS_HOPS: return STR("HOST[:PORT] [weight NUMBER]...");
	case CONF_IS_MATCHES: return STR("DOMAIN...");
	case CONF_IS_NETWORKS: return STR("NETWORK...");
	case CONF_IS_HOSTNAMES: return STR("NAME...");
	case CONF_IS_SENDERS: return STR("USER@DOMAIN | @DOMAIN | @.DOMAIN | <>");
	case CONF_IS_NAMES: return STR("NAME...");
	case CONF_IS_OWNERS: return STR("USER@DOMAIN | @DOMAIN...");
	case CONF_IS_FROM: return STR("USER@DOMAIN | @DOMAIN | @.DOMAIN | <>...");
	case CONF_IS_RATE: return STR("NUMBER/DURATION");
	case CONF_IS_PREFIXES: return STR("IPV4 IPV6");
	case CONF_IS_FLAGS: return STR("WORD...");
	case CONF_IS_LEVELS: return STR("CATEGORY LEVEL");
	case CONF_IS_USERS: return STR("DIRECTORY | any");
	case CONF_IS_DELIVER:
		return STR("maildir TEMPLATE | lmtp TARGET... | route NAME");
	case CONF_IS_SCORE: return STR("off | POINTS | reject");
	case CONF_IS_REPLY: return STR("TEXT");
	case CONF_IS_ANSWERS: return STR("ADDRESS[\\-LAST]...");
	case CONF_IS_IPS: return STR("ADDRESS...");
	case CONF_IS_DATE: return STR("YYYY\\-MM\\-DD");
	case CONF_IS_CHOICE:
	case CONF_IS_BLOCK: break;
	}
	return STR("");
}

static void words(struct buf *out, const struct conf_words *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (i) buf_str(out, STR(" | "));
		text(out, w->at[i].word);
	}
}

static void word_list(struct buf *out, const struct conf_words *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (!w->at[i].sentence.len) continue;
		buf_str(out, STR(".br\n\\fB"));
		text(out, w->at[i].word);
		buf_str(out, STR("\\fR: "));
		text(out, w->at[i].sentence);
		if (w->at[i].refused) buf_str(out, STR(" (an error in this release)"));
		buf_str(out, STR(".\n"));
	}
}

static void number(struct buf *out, enum conf_type type, int64_t value)
{
	if (type == CONF_IS_SIZE) conf_value_write_size(value, out);
	else if (type == CONF_IS_DURATION) conf_value_write_duration(value, out);
	else buf_i64(out, value);
}

static void default_and_range(struct buf *out, const struct conf_row *row)
{
	bool range = row->type == CONF_IS_SIZE || row->type == CONF_IS_DURATION ||
		     row->type == CONF_IS_NUMBER;
	if (row->text.len) {
		buf_str(out, STR("Default \\fB"));
		text(out, row->text);
		buf_str(out, range ? STR("\\fR") : STR("\\fR.\n"));
	}
	if (!range) return;
	buf_str(out, row->text.len ? STR("; from ") : STR("From "));
	number(out, row->type, row->min);
	buf_str(out, STR(" to "));
	number(out, row->type, row->max);
	buf_str(out, STR(".\n"));
}

static void setting(struct buf *out, const struct conf_row *row)
{
	buf_str(out, STR(".TP\n"));
	if (row->word.len) {
		buf_str(out, STR("\\fB"));
		text(out, row->word);
		buf_str(out, STR("\\fR "));
	}
	if (row->type == CONF_IS_CHOICE) words(out, row->words);
	else {
		buf_str(out, STR("\\fI"));
		text(out, value_name(row->type));
		buf_str(out, STR("\\fR"));
	}
	buf_byte(out, '\n');
	text(out, row->sentence);
	buf_byte(out, '\n');
	default_and_range(out, row);
	if (row->type == CONF_IS_CHOICE || row->type == CONF_IS_FLAGS)
		word_list(out, row->words);
	if (row->type != CONF_IS_LEVELS) return;
	word_list(out, &conf_words_log_category);
	buf_str(out, STR(".br\nLevels:\n"));
	word_list(out, &conf_words_log_level);
}

static void settings(struct buf *out, enum conf_block_id id)
{
	size_t count;
	const struct conf_row *row = conf_rows(id, &count);
	for (size_t i = 0; i < count; i++)
		if (row[i].type != CONF_IS_BLOCK) setting(out, &row[i]);
}

static struct str key_name(enum conf_key key)
{
	switch (key) {
	case CONF_KEYED_NAME:
	case CONF_KEYED_ROUTE: return STR(" NAME");
	case CONF_KEYED_NETWORK: return STR(" NETWORK");
	case CONF_KEYED_DOMAINS: return STR(" NAME...");
	case CONF_KEYED_SENDERS: return STR(" senders");
	case CONF_KEYED_VALUES: return STR(" VALUE...");
	case CONF_KEYED_ZONE: return STR(" ZONE");
	case CONF_KEYED_NONE:
	case CONF_KEYED_FILE: break;
	}
	return STR("");
}

static void blocks(struct buf *out, enum conf_block_id outer, struct str path)
{
	size_t count;
	const struct conf_row *row = conf_rows(outer, &count);
	for (size_t i = 0; i < count; i++) {
		if (row[i].type != CONF_IS_BLOCK) continue;
		const struct conf_block *block = &conf_blocks[row[i].inner];
		buf_str(out, STR(".SS \""));
		text(out, path);
		if (path.len) buf_byte(out, ' ');
		text(out, block->word);
		text(out, key_name(block->key));
		buf_str(out, STR(" { }\"\n"));
		text(out, block->sentence);
		buf_byte(out, '\n');
		settings(out, row[i].inner);
		blocks(out, row[i].inner, block->word);
	}
}

static void profiles(struct buf *out)
{
	buf_str(out, STR(".SH PROFILES\nA profile chooses the listener that there is if "
			 "no file names "
			 "one, and rules about hosts.\nA rule of a file for the same "
			 "network stands "
			 "instead of the profile's.\n"));
	for (size_t i = 0; i < CONF_PROFILE_COUNT; i++) {
		const struct conf_profile_row *profile = &conf_profiles[i];
		buf_str(out, STR(".TP\n\\fB"));
		text(out, profile->word);
		buf_str(out, STR("\\fR\n"));
		text(out, profile->sentence);
		buf_str(out, STR("\n.br\nlistener default { address "));
		text(out, profile->addresses);
		buf_str(out, STR("; role "));
		text(out, profile->role);
		buf_str(out, STR(" }\n"));
		for (size_t h = 0; h < conf_profile_host_count; h++) {
			if (conf_profile_hosts[h].profile != (enum conf_profile)i)
				continue;
			buf_str(out, STR(".br\nhost "));
			text(out, conf_profile_hosts[h].network);
			buf_byte(out, ' ');
			text(out, conf_profile_hosts[h].words);
			buf_byte(out, '\n');
		}
	}
}

static void providers(struct buf *out)
{
	buf_str(out, STR(".SH PACING PROFILES\nBlocks\n.B pacing\nthat come with the program, by\n"
			 ".BR pacing-profile .\nA block of that name in a file stands instead; of any "
			 "other block in a file that is about a host, too.\n"));
	for (size_t i = 0; i < conf_provider_count; i++) {
		buf_str(out, STR(".TP\n\\fB"));
		text(out, conf_providers[i].name);
		buf_str(out, STR("\\fR\n"));
		text(out, conf_providers[i].words);
		buf_byte(out, '\n');
	}
}

void conf_man(struct buf *out)
{
	buf_str(out, head);
	buf_str(out, STR(".SH SETTINGS OUTSIDE OF BLOCKS\n"));
	settings(out, CONF_BLOCK_conf);
	buf_str(out, STR(".SH BLOCKS\n"));
	blocks(out, CONF_BLOCK_conf, STR(""));
	profiles(out);
	providers(out);
	buf_str(out, aliases);
	buf_str(out, tail);
}
