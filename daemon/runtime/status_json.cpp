// SPDX-License-Identifier: GPL-2.0-or-later
//
// Messages as JSON. protobuf wants its strings to be UTF-8; names of interfaces and the words of
// other programs are whatever bytes they are, so they are mended first.
#include "core/utf8.hpp"
#include "runtime/status.hpp"

#include <google/protobuf/util/json_util.h>

#include <memory>

namespace multihomed::runtime {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void mend(Message& message);

void mend_field(Message& message, const FieldDescriptor& field) {
    const auto& reflection = *message.GetReflection();
    const bool text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    const bool nested = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (field.is_repeated()) {
        for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
            if (text)
                reflection.SetRepeatedString(
                    &message, &field, i,
                    core::to_utf8(reflection.GetRepeatedString(message, &field, i)));
            else if (nested)
                mend(*reflection.MutableRepeatedMessage(&message, &field, i));
        }
    } else if (text) {
        reflection.SetString(&message, &field,
                             core::to_utf8(reflection.GetString(message, &field)));
    } else if (nested) {
        mend(*reflection.MutableMessage(&message, &field));
    }
}

void mend(Message& message) {
    std::vector<const FieldDescriptor*> present;
    message.GetReflection()->ListFields(message, &present);
    for (const FieldDescriptor* field : present)
        mend_field(message, *field);
}

} // namespace

std::string to_json(const Message& message) {
    const std::unique_ptr<Message> mended(message.New());
    mended->CopyFrom(message);
    mend(*mended);
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    options.always_print_primitive_fields = true;
    options.preserve_proto_field_names = true;
    std::string text;
    const auto printed = google::protobuf::util::MessageToJsonString(*mended, &text, options);
    return printed.ok() ? text : "{}\n";
}

} // namespace multihomed::runtime
