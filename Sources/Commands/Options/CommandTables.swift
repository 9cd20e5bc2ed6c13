import Fetch

/// Every command with its options: what `zarrfs help` shows and what docs/configuration.md and the man page explain.
package enum CommandTables {
  package static let all = [mount, unmount, stats, tree, warm, evict, cache, help, version]

  package static func table(_ command: String) -> OptionTable? {
    let name = ["umount": "unmount", "--version": "version", "-V": "version", "--help": "help", "-h": "help"]
    return all.first { $0.command == name[command] ?? command }
  }

  package static let mount = OptionTable(
    command: "mount", positionals: ["SOURCE", "MOUNTPOINT"],
    summary: """
      Mounts SOURCE read-only on the directory MOUNTPOINT. Returns when the mount answers.
      SOURCE is s3://BUCKET[/PREFIX], gs://BUCKET[/PREFIX], https://HOST/PATH, http://HOST/PATH or file:///DIRECTORY.
      """,
    options: [
      Option("foreground", "Stay in the foreground; log to standard error."),
      Option("read-only", "Mount read-only. Always so; accepted for scripts."),
      Option(
        "o", .text("OPTIONS"),
        "Comma-separated options as in fstab: any of these by name (name=value), and mount's own.",
        repeats: true),
      Option("endpoint-url", .text("URL"), "An S3-compatible server other than AWS.", standard: "AWS, by region"),
      Option(
        "region", .text("R"), "Region of the bucket.", standard: "AWS_REGION, the profile, else asked of the bucket"),
      Option("profile", .text("P"), "Section of the shared config and credentials files.", standard: "AWS_PROFILE"),
      Option("no-sign-request", "Ask without credentials, for public buckets."),
      Option("request-payer", "Agree to pay for requests of a requester-pays bucket."),
      Option("ca-bundle", .text("FILE"), "Certificates to trust (PEM).", standard: "AWS_CA_BUNDLE, else the system's"),
      Option(
        "allow-insecure-auth",
        "Send credentials over plain http:// to another machine, in a network that you trust."),
      Option("path-style", "Address objects as HOST/BUCKET/KEY.", standard: "with --endpoint-url, or dots in the name"),
      Option("virtual-host", "Address objects as BUCKET.HOST/KEY.", standard: "on AWS, without dots in the name"),
      Option(
        "cache-dir", .text("DIR"), "Where the cache lives.", standard: "$XDG_CACHE_HOME/zarrfs or ~/.cache/zarrfs"),
      Option(
        "cache-size", .text("SIZE"), "Most bytes of disk that the cache of this source takes, everything included.",
        standard: "10GiB, or half of a smaller disk"),
      Option(
        "cache-min-free", .text("SIZE"), "Free space of the disk that the cache leaves alone.",
        standard: "1GiB, or 5 % of a smaller disk"),
      Option("ttl", .text("DURATION"), "How long an answer of the remote holds without asking again.", standard: "60s"),
      Option(
        "freshness", .choice(FreshnessPolicy.allCases.map(\.rawValue)),
        "What is asked again after --ttl: each object, the documents of arrays, or absences alone.", standard: "object"),
      Option(
        "dedup", .choice(["on", "off"]), "Fetch and keep objects of the same bytes, by their MD5 tags, once.",
        standard: "on"),
      Option("max-age", .text("DURATION"), "Evict what was not read for so long.", standard: "infinite"),
      Option(
        "max-object-size", .text("SIZE"), "Larger objects are read in windows and not cached.",
        standard: "half of --cache-size"),
      Option("part-size", .text("SIZE"), "Largest range of one GET; 64KiB to 1GiB.", standard: "8MiB"),
      Option("max-connections", .text("N"), "Most requests under way at once; 1 to 1024.", standard: "64"),
      Option(
        "prefetch", .choice(["off", "N"]), "Most chunks, or inner chunks of shards, fetched ahead of a reader.",
        standard: "64"),
      Option(
        "memory", .text("SIZE"), "Most memory for bytes under way; at least 8MiB.",
        standard: "256MiB, or a quarter of the cgroup or machine"),
      Option(
        "timeout", .text("DURATION"), "How long a reader waits for a remote that fails before it gets an error.",
        standard: "120s"),
      Option(
        "hedge", .choice(["on", "off"]), "Make a small GET once more when its answer is slow to begin.", standard: "on"),
      Option(
        "stale-if-error", .choice(["yes", "no"]),
        "Serve what is cached, though older than --ttl, while the remote fails.",
        standard: "yes"),
      Option(
        "missing-403", .choice(["auto", "yes", "no"]),
        "Whether 403 means that a name is absent; auto finds out, for chunks and documents.", standard: "auto"),
      Option("offline", "Never ask the remote; what is not cached gives an error."),
      Option("uid", .text("U"), "Owner shown for files, a number or a name.", standard: "the mounting user"),
      Option("gid", .text("G"), "Group shown for files, a number or a name.", standard: "the mounting user's"),
      Option("umask", .text("M"), "Octal permission bits taken from 444 and 555.", standard: "022"),
      Option("allow-other", "Let other users in. Not root: needs user_allow_other in /etc/fuse.conf."),
      Option("xattrs", "Answer extended attributes user.zarrfs.*; ls -l then asks two more per file."),
      Option(
        "log-level", .choice(["error", "warning", "info", "debug"]), "How much is logged; debug: each request.",
        standard: "info"),
      Option("log-file", .text("F"), "Log to a file.", standard: "syslog, or standard error with --foreground"),
    ],
    notes: """
      SIZE: 4096, 512MiB, 10GB. DURATION: 30s, 5m, 1h, infinite.
      In fstab: s3://bucket/prefix  /mnt/x  zarrfs  ro,_netdev,region=eu-west-1,cache_size=50GiB  0 0
      -o nonempty mounts over a directory that is not empty.
      """)

  package static let unmount = OptionTable(
    command: "unmount", positionals: ["MOUNTPOINT"],
    summary: "Unmounts, and returns when the mount and its daemon are gone. For the mounting user and root.",
    options: [])

  package static let stats = OptionTable(
    command: "stats", positionals: ["PATH"],
    summary: """
      Shows the counters of a mount; of one file or directory when PATH lies inside a mount (its key, version and what
      is cached of it).
      """,
    options: [Option("json", "Print the JSON as the daemon gives it (docs/stats.md).")])

  package static let cache = OptionTable(
    command: "cache", positionals: ["info|verify|clear", "[SOURCE]"],
    summary: """
      info shows what is cached, of one SOURCE or of all; verify checks every block against its checksum and drops what
      is damaged; clear removes. verify and clear need a cache that no daemon holds.
      """,
    options: [
      Option(
        "cache-dir", .text("DIR"), "Where the cache lives.", standard: "$XDG_CACHE_HOME/zarrfs or ~/.cache/zarrfs"),
      Option("json", "Print JSON."),
    ])

  private static let remoteOptions: Set<String> = [
    "endpoint-url", "region", "profile", "no-sign-request", "request-payer", "ca-bundle", "path-style", "virtual-host",
    "allow-insecure-auth",
  ]

  package static let tree = OptionTable(
    command: "tree", positionals: ["SOURCE|PATH"],
    summary: """
      Shows the Zarr groups and arrays of a SOURCE, or of a directory, with shape, chunks, data type and codecs; inside
      a mount also how many chunks are cached. What is below a group with consolidated metadata is taken from that.
      """,
    options: [Option("json", "Print JSON.")] + mount.options.filter { remoteOptions.contains($0.name) } + [
      Option("timeout", .text("DURATION"), "How long to try while the remote fails.", standard: "30s")
    ])

  package static let warm = OptionTable(
    command: "warm", positionals: ["PATH"],
    summary: """
      Reads the arrays at and below PATH, inside a mount, so that they are cached: whole, or slabs of them. Says first
      how much it will be. Run again, it goes on where it was stopped. Exit code 1 when something could not be read.
      """,
    options: [
      Option(
        "select", .text("DIM=START:STOP[:STEP]"),
        "Only these elements of a dimension, by its name or number; as a Python slice. DIM=N is the one element N.",
        repeats: true),
      Option("jobs", .text("N"), "Most chunks read at once; 1 to 256.", standard: "16"),
      Option("dry-run", "Only say how much it would be."),
    ])

  package static let evict = OptionTable(
    command: "evict", positionals: ["PATH"],
    summary: """
      Drops what is cached of a file in a mount, or of every file below a directory but the metadata documents. For the
      owner of the mount.
      """,
    options: [])

  package static let help = OptionTable(
    command: "help", positionals: ["[COMMAND]"], summary: "Explains a command.", options: [])

  package static let version = OptionTable(
    command: "version", positionals: [], summary: "Prints the version.", options: [])

  /// What `zarrfs help` prints.
  package static var overview: String {
    var text = """
      zarrfs mounts a remote Zarr hierarchy (S3, GCS, HTTP) as a local directory, with a cache on disk.

      usage:

      """
    for table in all {
      text += "  zarrfs \(([table.command] + table.positionals).joined(separator: " "))\n"
    }
    return text + "\nzarrfs help COMMAND explains a command and lists its options.\n"
  }
}
