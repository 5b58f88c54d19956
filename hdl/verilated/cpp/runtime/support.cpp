// See support.h, and hooks.h for why Verilator's own printing and stopping are replaced.
#include "support.h"

#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "lz4.h"
#include "zlib.h"

namespace verilated_abi {
namespace {
thread_local Output* t_output = nullptr;
Services s_services{};

constexpr size_t OUTPUT_BYTES = 1 << 20;
}  // namespace

void use_services(const Services* services) { s_services = *services; }

void Output::append(const char* text, size_t bytes) {
    newest.assign(text, bytes);
    m_text.append(text, bytes);
    // The newest text is the most useful: drop from the front, half at a time so that this stays cheap.
    if (m_text.size() > OUTPUT_BYTES) m_text.erase(0, m_text.size() - OUTPUT_BYTES / 2);
}

int print(const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    std::va_list again;
    va_copy(again, arguments);
    const int bytes = std::vsnprintf(nullptr, 0, format, arguments);
    va_end(arguments);
    if (bytes > 0 && t_output) {
        std::string text(static_cast<size_t>(bytes) + 1, '\0');
        std::vsnprintf(&text[0], text.size(), format, again);
        t_output->append(text.data(), static_cast<size_t>(bytes));
    }
    va_end(again);
    return bytes;
}

Instance::Instance(const Setup& setup)
    : m_context{setup}
    , m_random{static_cast<uint64_t>(static_cast<uint32_t>(setup.seed))} {}

Instance::~Instance() = default;

Instance::Active::Active(Instance& instance)
    : m_instance{instance} {
    // Setting it also writes a variable that all threads share, so not in every cycle. It is left in place
    // afterwards: nothing looks at it before the next activation.
    if (Verilated::threadContextp() != &instance.m_context) Verilated::threadContextp(&instance.m_context);
    t_output = &instance.m_output;
    // $urandom draws from a generator of the thread. Lending it this instance's state makes the sequence a
    // property of the instance, whatever else runs on the thread.
    std::swap(VlRNG::vl_thread_rng(), instance.m_random);
}

Instance::Active::~Active() {
    std::swap(VlRNG::vl_thread_rng(), m_instance.m_random);
    t_output = nullptr;
}

void Instance::record(Stopped stopped) noexcept {
    if (m_stopped) return;
    m_reason = std::move(stopped);
    m_stop = StopInfo{m_reason.kind, m_reason.file.c_str(), m_reason.line, m_reason.message.c_str()};
    m_stopped = true;
}

const char* Instance::coverage_write(const char* path) noexcept {
    return attempt([&] {
        check_writable(path);
        m_context.coveragep()->write(path);
    });
}

void check_writable(const char* path) {
    std::FILE* const file = std::fopen(path, "wb");
    if (!file) throw Stopped{KindRuntime, "", 0, std::string{path} + ": " + std::strerror(errno)};
    std::fclose(file);
}

}  // namespace verilated_abi

using namespace verilated_abi;

int LZ4_compress_default(const char* source, char* target, int bytes, int capacity) {
    const size_t written = s_services.lz4(reinterpret_cast<const uint8_t*>(source), static_cast<size_t>(bytes),
                                          reinterpret_cast<uint8_t*>(target), static_cast<size_t>(capacity));
    return static_cast<int>(written);
}

int compress2(Bytef* target, uLongf* capacity, const Bytef* source, uLong bytes, int level) {
    const size_t written = s_services.zlib(source, bytes, level, target, *capacity);
    if (written == 0) return Z_BUF_ERROR;
    *capacity = written;
    return Z_OK;
}

void vl_finish(const char* filename, int linenum, const char*) {
    throw Stopped{KindFinish, filename, linenum, "$finish"};
}

void vl_fatal(const char* filename, int linenum, const char*, const char* message) {
    throw Stopped{KindRuntime, filename ? filename : "", linenum, message};
}

// Reached from $stop, and from $error, $fatal and assertions after they have printed
// "[time] %Error: file:line: text", where the file is without its folders. (Only an $error that nothing guards,
// so that it stands alone in its block, is printed later; it is then taken for a $stop.)
void vl_stop(const char* filename, int linenum, const char*) {
    const char* const slash = std::strrchr(filename, '/');
    const std::string place = std::string{slash ? slash + 1 : filename} + ":" + std::to_string(linenum) + ": ";
    if (t_output) {
        std::string text;
        std::swap(text, t_output->newest);
        const size_t at = text.find(place);
        if (at != std::string::npos) {
            const bool fatal = text.find("%Fatal: ") < at;
            std::string message = text.substr(at + place.size());
            while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
            throw Stopped{fatal ? KindFatal : KindError, filename, linenum, message};
        }
    }
    throw Stopped{KindStop, filename, linenum, "$stop"};
}
