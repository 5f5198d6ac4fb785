// The only JSON reader of the core: simdjson On-Demand behind two small cursors.
//
// A frame is walked once, in document order. Every call reports by a flag, none throws.
// Pointers into the frame (`key`, `token`) live as long as the frame; a key and a quoted
// token end at their closing quote. The buffer needs SIMDJSON_PADDING readable bytes behind
// the payload.
#pragma once

#include <cstring>

#include "simdjson.h"

namespace p9 {

namespace od = simdjson::ondemand;

// The fields of one object.
struct Fields {
  simdjson::simdjson_result<od::object_iterator> at, end;
  od::value value;
  const char *key = nullptr;
  bool started = false;
  bool ok = false;

  bool open(od::value &v) noexcept {
    od::object object;
    ok = !v.get_object().get(object) && begin(object);
    return ok;
  }

  bool begin(od::object &object) noexcept {
    at = object.begin();
    end = object.end();
    started = false;
    return at.error() == simdjson::SUCCESS;
  }

  bool next() noexcept {
    if (started) ++at;
    started = true;
    if (!(at != end)) return false;
    od::field field;
    if ((*at).get(field)) {
      ok = false;
      return false;
    }
    key = field.key().raw();
    value = field.value();
    return true;
  }

  // First byte of the value's text: '"' for strings, a digit or '-' for numbers.
  const char *token() noexcept {
    std::string_view text;
    if (simdjson::simdjson_result<std::string_view>(value.raw_json_token()).get(text)) return "";
    return text.data();
  }
};

// The elements of one array.
struct Items {
  simdjson::simdjson_result<od::array_iterator> at, end;
  od::value value;
  bool started = false;
  bool ok = false;

  bool open(od::value &v) noexcept {
    od::array array;
    if (v.get_array().get(array)) return ok = false;
    at = array.begin();
    end = array.end();
    started = false;
    return ok = at.error() == simdjson::SUCCESS;
  }

  bool next() noexcept {
    if (started) ++at;
    started = true;
    if (!(at != end)) return false;
    if ((*at).get(value)) return ok = false;
    return true;
  }

  const char *token() noexcept {
    std::string_view text;
    if (simdjson::simdjson_result<std::string_view>(value.raw_json_token()).get(text)) return "";
    return text.data();
  }
};

// One document, its parser reused from frame to frame.
struct Document {
  od::parser parser;
  od::document doc;
  int error = 0;

  explicit Document(size_t max_size = 64u << 20) : parser(max_size) {}

  bool open(const char *text, size_t size, Fields &root) noexcept {
    if (parse(text, size)) return false;
    od::object object;
    error = doc.get_object().get(object);
    return root.ok = !error && root.begin(object);
  }

  // A document whose root is an array.
  bool open(const char *text, size_t size, Items &root) noexcept {
    if (parse(text, size)) return false;
    od::array array;
    error = doc.get_array().get(array);
    if (error) return root.ok = false;
    root.at = array.begin();
    root.end = array.end();
    root.started = false;
    return root.ok = root.at.error() == simdjson::SUCCESS;
  }

  // From the top again, for a frame whose symbol stands behind its levels.
  bool reopen(Fields &root) noexcept {
    doc.rewind();
    od::object object;
    error = doc.get_object().get(object);
    return root.ok = !error && root.begin(object);
  }

  bool at_end() noexcept { return doc.at_end(); }
  bool bad_utf8() const noexcept { return error == simdjson::UTF8_ERROR; }

 private:
  int parse(const char *text, size_t size) noexcept {
    error = parser.iterate(text, size, size + simdjson::SIMDJSON_PADDING).get(doc);
    return error;
  }
};

// Length of a quoted token's text, `token` standing on the opening quote. Escapes are not
// resolved: an escaped quote does not end the text. -1 where there is no closing quote.
inline int text_size(const char *token, const char *limit) noexcept {
  const char *p = token + 1;
  while (p < limit && *p != '"') p += (*p == '\\') ? 2 : 1;
  return p < limit ? static_cast<int>(p - token - 1) : -1;
}

}  // namespace p9
