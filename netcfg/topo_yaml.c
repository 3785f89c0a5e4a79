#include "topo_yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define WRITE_OUT "write it out, or use defaults: and groups:"

struct builder {
	struct arena *arena;
	struct diag *diag;
	struct yaml_value *stack[TOPO_YAML_MAX_DEPTH];
	struct yaml_value *keys[TOPO_YAML_MAX_DEPTH]; /* key that waits for its value */
	unsigned depth, n_values, n_documents;
	struct yaml_value *root;
};

static struct diag_mark mark_of(const yaml_event_t *event)
{
	struct diag_mark mark = {
		(unsigned)event->start_mark.line + 1, (unsigned)event->start_mark.column + 1, 1};

	if (event->type == YAML_SCALAR_EVENT && event->end_mark.line == event->start_mark.line &&
		event->end_mark.column > event->start_mark.column)
		mark.len = (unsigned)(event->end_mark.column - event->start_mark.column);
	return mark;
}

static void check_duplicate(struct builder *b, const struct yaml_value *map,
	const struct yaml_value *key)
{
	const struct yaml_value *first = topo_yaml_get(map, key->text);

	if (first)
		diag_add(b->diag, key->mark, DIAG_DUPLICATE_KEY,
			"key \"%.40s\" stands here twice, first at line %u", key->text,
			first->key->mark.line);
}

/* A value that is not there stands where its key does: libyaml has it at what comes next. */
static void set_key(struct yaml_value *value, const struct yaml_value *key)
{
	value->key = key;
	if (value->kind == YAML_SCALAR && value->plain && !value->text[0])
		value->mark = key->mark;
}

/* Hang value where it belongs. A scalar in a map is a key first. */
static int attach(struct builder *b, struct yaml_value *value)
{
	struct yaml_value *parent = b->depth ? b->stack[b->depth - 1] : NULL;

	if (++b->n_values > TOPO_YAML_MAX_NODES) {
		diag_add(b->diag, value->mark, DIAG_LIMIT, "more than %u values",
			TOPO_YAML_MAX_NODES);
		return -E2BIG;
	}
	if (!parent) {
		b->root = value;
		return 0;
	}
	if (parent->kind == YAML_MAP) {
		struct yaml_value **key = &b->keys[b->depth - 1];

		if (!*key) {
			if (value->kind != YAML_SCALAR) {
				diag_add(b->diag, value->mark, DIAG_TYPE, "a key must be a word");
				return -EINVAL;
			}
			/* Quadratic in the keys of one map: bounded, 4096 keys at most. */
			if (parent->n >= 4096) {
				diag_add(b->diag, value->mark, DIAG_LIMIT,
					"more than 4096 keys in one map");
				return -E2BIG;
			}
			if (value->plain && !strcmp(value->text, "<<")) {
				diag_hint(diag_add(b->diag, value->mark, DIAG_YAML_FEATURE,
						  "merge keys are not read"),
					WRITE_OUT);
				return -EINVAL;
			}
			check_duplicate(b, parent, value);
			*key = value;
			return 0;
		}
		set_key(value, *key);
		*key = NULL;
		if (topo_yaml_get(parent, value->key->text))
			return 0; /* the first one counts, so that there is one error */
	}
	if (parent->last)
		parent->last->next = value;
	else
		parent->first = value;
	parent->last = value;
	parent->n++;
	return 0;
}

static int push(struct builder *b, struct yaml_value *value)
{
	if (b->depth == TOPO_YAML_MAX_DEPTH) {
		diag_add(b->diag, value->mark, DIAG_LIMIT, "nested more than %d levels deep",
			TOPO_YAML_MAX_DEPTH);
		return -E2BIG;
	}
	b->keys[b->depth] = NULL;
	b->stack[b->depth++] = value;
	return 0;
}

static int refuse(struct builder *b, const yaml_event_t *event, const char *what, const char *hint)
{
	diag_hint(diag_add(b->diag, mark_of(event), DIAG_YAML_FEATURE, "%s are not read", what),
		"%s", hint);
	return -EINVAL;
}

/* "|" and ">" keep the last line break, which belongs to the form and not to the text. */
static size_t text_length(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
		event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE) {
		while (len && text[len - 1] == '\n')
			len--;
	}
	return len;
}

static int on_value(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct yaml_value *value;
	int r;

	if (anchor)
		return refuse(b, event, "anchors", WRITE_OUT);
	if (tag)
		return refuse(b, event, "tags", "write the value without it");
	value = arena_alloc(b->arena, sizeof(*value));
	if (!value)
		return -ENOMEM;
	value->kind = kind;
	value->mark = mark_of(event);
	if (kind == YAML_SCALAR) {
		const char *text = (const char *)event->data.scalar.value;
		size_t len = text_length(event);

		value->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		value->text = arena_copy(b->arena, text, len);
		if (!value->text)
			return -ENOMEM;
		if (strlen(value->text) != len) {
			diag_add(b->diag, value->mark, DIAG_SYNTAX, "text has a NUL character");
			return -EINVAL;
		}
		return attach(b, value);
	}
	r = attach(b, value);
	return r ? r : push(b, value);
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (!b->n_documents++)
			return 0;
		return refuse(b, event, "several documents in one file",
			"a file is one lab: put the other one into a file of its own");
	case YAML_ALIAS_EVENT:
		return refuse(b, event, "aliases", WRITE_OUT);
	case YAML_SCALAR_EVENT:
		return on_value(b, event, YAML_SCALAR, event->data.scalar.anchor,
			event->data.scalar.tag);
	case YAML_SEQUENCE_START_EVENT:
		return on_value(b, event, YAML_LIST, event->data.sequence_start.anchor,
			event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_value(b, event, YAML_MAP, event->data.mapping_start.anchor,
			event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

/* ---- What libyaml cannot read ---------------------------------------------------------------- */

/* Where the byte stands; libyaml tells the bytes before what is not text. */
static struct diag_mark mark_of_byte(const struct diag *diag, size_t begin, size_t offset)
{
	struct diag_mark mark = {1, 1, 1};

	for (size_t i = begin; i < diag->size && i < begin + offset; i++) {
		if (diag->text[i] == '\n') {
			mark.line++;
			mark.column = 1;
		} else if (((unsigned char)diag->text[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static bool says(const char *text, const char *words)
{
	return text && strstr(text, words);
}

/* What stands at the place and before it in its line; "" at the end of the file. */
struct place {
	char here;
	bool is_first; /* but for blanks */
};

static struct place look_at(const struct diag *diag, size_t begin, struct diag_mark mark)
{
	struct place place = {'\0', true};
	unsigned line = 1, column = 1;

	for (size_t i = begin; i < diag->size; i++) {
		char c = diag->text[i];

		if (((unsigned char)c & 0xc0) == 0x80)
			continue;
		if (line == mark.line && column == mark.column) {
			place.here = c;
			break;
		}
		if (line == mark.line && c != ' ' && c != '\t')
			place.is_first = false;
		column = c == '\n' ? 1 : column + 1;
		line += c == '\n';
	}
	return place;
}

/* The usual cause, in the words of who wrote the file; NULL = none is known. */
static const char *usual_cause(const yaml_parser_t *parser, bool at_context, struct place place)
{
	const char *problem = parser->problem;

	if (parser->error == YAML_READER_ERROR)
		return says(problem, "UTF-8") ? "save the file as UTF-8" : "remove it";
	if (says(problem, "cannot start any token"))
		return place.here == '\t' ? "indent with spaces, not with tabs"
					  : "put the value between quotes";
	if (says(parser->context, "scanning an alias") ||
		says(parser->context, "scanning an anchor"))
		return "put the value between quotes";
	if (says(problem, "could not find expected ':'"))
		return "write KEY: VALUE, with a colon and a blank";
	if (says(problem, "mapping values are not allowed"))
		return "put a value with a colon between quotes; keys side by side are indented "
		       "alike";
	if (says(problem, "block sequence entries are not allowed"))
		return "begin the list on the next line";
	if (says(problem, "unknown escape character"))
		return "a backslash begins an escape between \"...\": use '...'";
	if (at_context)
		return "what is opened here is not closed, or a comma is missing";
	if (says(problem, "did not find expected ','"))
		return "a comma or the closing bracket is missing before it";
	if (place.here == '}' || place.here == ']')
		return "nothing is open that it would close";
	if (says(problem, "did not find expected") && place.is_first)
		return "keys side by side are indented alike";
	if (says(problem, "did not find expected"))
		return "the value ends before it: put all of it between quotes";
	return NULL;
}

static void syntax_error(struct diag *diag, const yaml_parser_t *parser, size_t begin)
{
	/* Where it began tells more than where it was noticed: at the next line, or at the end. */
	bool at_context = parser->context &&
			  parser->problem_mark.line > parser->context_mark.line &&
			  (says(parser->context, "flow") || says(parser->context, "quoted"));
	bool is_word = says(parser->context, "simple key") || says(parser->context, "an alias") ||
		       says(parser->context, "an anchor");
	yaml_mark_t at = at_context || is_word ? parser->context_mark : parser->problem_mark;
	struct diag_mark mark = {(unsigned)at.line + 1, (unsigned)at.column + 1, 1};
	struct diag_item *item;
	const char *cause;

	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_byte(diag, begin, parser->problem_offset);
	item = diag_add(diag, mark, DIAG_SYNTAX, "not YAML: %s%s%s",
		parser->problem ? parser->problem : "?", parser->context ? ", " : "",
		parser->context ? parser->context : "");
	cause = usual_cause(parser, at_context, look_at(diag, begin, mark));
	if (cause)
		diag_hint(item, "%s", cause);
}

/* Editors of Windows put one before the text. */
static size_t skip_byte_order_mark(const struct diag *diag)
{
	return diag->size >= 3 && !memcmp(diag->text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

/* By its mark, or by the half of its first letter that is zero. */
static bool is_utf16(const struct diag *diag)
{
	return diag->size >= 2 &&
	       (!memcmp(diag->text, "\xff\xfe", 2) || !memcmp(diag->text, "\xfe\xff", 2) ||
		       !diag->text[0] != !diag->text[1]);
}

const struct yaml_value *topo_yaml_parse(struct arena *arena, struct diag *diag)
{
	struct builder b = {.arena = arena, .diag = diag};
	size_t begin = skip_byte_order_mark(diag);
	unsigned errors = diag->n;
	yaml_parser_t parser;
	bool done = false;

	if (diag->size > TOPO_YAML_MAX_BYTES) {
		diag_add(diag, (struct diag_mark){0}, DIAG_LIMIT, "file is larger than %u bytes",
			TOPO_YAML_MAX_BYTES);
		return NULL;
	}
	if (!diag->size) { /* libyaml wants a pointer */
		diag_add(diag, (struct diag_mark){0}, DIAG_SYNTAX, "file is empty");
		return NULL;
	}
	if (is_utf16(diag)) {
		diag_hint(diag_add(diag, (struct diag_mark){0}, DIAG_SYNTAX, "file is UTF-16"),
			"save it as UTF-8");
		return NULL;
	}
	if (!yaml_parser_initialize(&parser)) {
		diag_add(diag, (struct diag_mark){0}, DIAG_LIMIT, "out of memory");
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)diag->text + begin,
		diag->size - begin);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	while (!done) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			syntax_error(diag, &parser, begin);
			b.root = NULL;
			break;
		}
		done = event.type == YAML_STREAM_END_EVENT;
		if (on_event(&b, &event)) {
			b.root = NULL;
			done = true;
		}
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (b.root && b.root->kind == YAML_SCALAR && b.root->plain && !b.root->text[0])
		b.root = NULL; /* the start of a document and nothing more */
	if (!b.root && diag->n == errors)
		diag_add(diag, (struct diag_mark){0}, arena->failed ? DIAG_LIMIT : DIAG_SYNTAX,
			arena->failed ? "out of memory" : "file is empty");
	return b.root;
}

const struct yaml_value *topo_yaml_get(const struct yaml_value *map, const char *key)
{
	for (const struct yaml_value *v = map->first; map->kind == YAML_MAP && v; v = v->next) {
		if (!strcmp(v->key->text, key))
			return v;
	}
	return NULL;
}

/* YAML 1.2.2, 10.3.2 "Tag Resolution" of the core schema. */

bool topo_yaml_is_null(const struct yaml_value *value)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (value->kind != YAML_SCALAR || !value->plain)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(value->text, words[i]))
			return true;
	}
	return false;
}

bool topo_yaml_bool(const struct yaml_value *value, bool *ret)
{
	static const char *const words[2][3] = {
		{"false", "False", "FALSE"}, {"true", "True", "TRUE"}};

	if (value->kind != YAML_SCALAR || !value->plain)
		return false;
	for (int truth = 0; truth < 2; truth++) {
		for (int i = 0; i < 3; i++) {
			if (!strcmp(value->text, words[truth][i])) {
				*ret = truth;
				return true;
			}
		}
	}
	return false;
}

/* A number of the core schema that is not a whole one. */
static bool is_fraction(const struct yaml_value *value)
{
	const char *text = value->text + (value->text[0] == '-' || value->text[0] == '+');
	size_t n = strspn(text, "0123456789");

	if (!value->plain || !n || !text[n])
		return false;
	text += n;
	text += *text == '.';
	text += strspn(text, "0123456789");
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		return *text && !text[strspn(text, "0123456789")];
	}
	return !*text;
}

int topo_yaml_u64(const struct yaml_value *value, uint64_t *ret)
{
	const char *text = value->text;
	int base = 10;
	char *end;

	if (value->kind != YAML_SCALAR || !value->plain)
		return -EINVAL;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
		base = text[1] == 'x' ? 16 : 8;
		text += 2;
	} else if (text[0] == '+') {
		text++;
	}
	/* strtoull() would take blanks, signs and a second 0x. */
	if (!strchr("0123456789abcdefABCDEF", text[0]) || !text[0] ||
		(base == 16 && (text[1] | 32) == 'x'))
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, base);
	if (*end)
		return -EINVAL;
	return errno ? -ERANGE : 0;
}

const char *topo_yaml_kind(const struct yaml_value *value)
{
	uint64_t number;
	bool truth;

	if (value->kind != YAML_SCALAR)
		return value->kind == YAML_LIST ? "a list" : "a map";
	if (topo_yaml_is_null(value))
		return "nothing";
	if (topo_yaml_bool(value, &truth))
		return "a boolean";
	if (is_fraction(value))
		return "a fraction";
	return topo_yaml_u64(value, &number) ? "text" : "a number";
}
