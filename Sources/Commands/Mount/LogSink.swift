import Glibc
import Platform

/// Where the daemon's log goes.
enum LogSink {
  /// Standard error, with the time in front.
  static let standardError: Log.Sink = { level, line in write(stamped(level, line), to: 2) }

  /// syslog(3), facility daemon; the time is syslog's.
  static let syslog: Log.Sink = { level, line in
    let priority =
      switch level {
      case .error: LOG_ERR
      case .warning: LOG_WARNING
      case .info: LOG_INFO
      case .debug: LOG_DEBUG
      }
    OwnProcess.writeSystemLog(priority, line)
  }

  /// Appends to a file, made with mode 0600. Lines are written whole, so that rotation by copy and truncate works.
  static func file(_ path: String) throws(CommandFailure) -> Log.Sink {
    do throws(Errno) {
      let file = Holder(try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND))
      return { level, line in write(stamped(level, line), to: file.descriptor.rawValue) }
    } catch {
      throw CommandFailure("the log file \(path) cannot be opened: \(error); name another with --log-file")
    }
  }

  private final class Holder: Sendable {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
  }

  private static func stamped(_ level: Log.Level, _ line: String) -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    var text = [CChar](repeating: 0, count: 32)
    strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
    let time = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let milliseconds = String(1000 + now.tv_nsec / 1_000_000).dropFirst()
    return "\(time).\(milliseconds)Z \(level) \(line)\n"
  }

  private static func write(_ line: String, to descriptor: CInt) {
    var line = line
    line.withUTF8 { bytes in _ = Glibc.write(descriptor, bytes.baseAddress!, bytes.count) }
  }
}
