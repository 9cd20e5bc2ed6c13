import Testing

@testable import Commands

struct OptionTableTests {
  private func parse(_ words: String...) throws -> ParsedArguments { try CommandTables.mount.parse(words) }

  private func failure(_ words: String...) -> String {
    do throws(UsageError) {
      _ = try CommandTables.mount.parse(words)
      return ""
    } catch { return error.description }
  }

  @Test func takesValuesInBothForms() throws {
    let parsed = try parse("s3://b", "--ttl", "5m", "/mnt", "--cache-size=1GiB", "--foreground")
    #expect(parsed.positionals == ["s3://b", "/mnt"])
    #expect(parsed.text("ttl") == "5m")
    #expect(parsed.text("cache-size") == "1GiB")
    #expect(parsed.has("foreground"))
    #expect(!parsed.has("offline"))
  }

  @Test func theLastValueHolds() throws {
    #expect(try parse("a", "b", "--ttl", "1s", "-o", "ttl=2s", "--ttl=3s").text("ttl") == "3s")
    #expect(try parse("a", "b", "--ttl", "1s", "-o", "ttl=2s").text("ttl") == "2s")
  }

  @Test func dashesEndTheOptions() throws {
    #expect(try parse("--", "--odd", "/mnt").positionals == ["--odd", "/mnt"])
  }

  @Test func takesEveryOptionInMountOptions() throws {
    for option in CommandTables.mount.options where option.name != "o" {
      let name = option.name.map { $0 == "-" ? "_" : String($0) }.joined()
      let value: String? =
        switch option.argument {
        case .none: nil
        case .text: "7"
        case .choice(let words): words[0]
        }
      let item = value.map { "\(name)=\($0)" } ?? name
      let parsed = try parse("a", "b", "-o", "ro,\(item),_netdev")
      #expect(parsed.text(option.name) == value ?? "yes")
    }
  }

  @Test func ignoresWhatMountItselfKnows() throws {
    let list = "rw,ro,_netdev,nofail,auto,noauto,user,x-systemd.automount,x-gvfs-hide,dev,suid,defaults,exec,noatime"
    #expect(try parse("a", "b", "-o", list).values.isEmpty)
  }

  @Test func flagsInMountOptionsMayBeSwitched() throws {
    #expect(try parse("a", "b", "-oallow_other").has("allow-other"))
    #expect(try parse("a", "b", "-o", "offline=yes").has("offline"))
    #expect(try !parse("a", "b", "--offline", "-o", "offline=no").has("offline"))
    #expect(try parse("a", "b", "-o", "nonempty").has("nonempty"))
  }

  @Test func commasInMountOptionsAreEscaped() throws {
    #expect(try parse("a", "b", "-o", "cache_dir=/x\\,y,ttl=1s").text("cache-dir") == "/x,y")
    #expect(MountOptionList.split("a\\\\,b\\c,") == ["a\\", "b\\c", ""])
  }

  @Test(arguments: [
    (["a"], "MOUNTPOINT is missing"), ([], "SOURCE is missing"), (["a", "b", "c"], "too many arguments"),
    (["a", "b", "--cache-sise", "1"], "did you mean --cache-size?"),
    (["a", "b", "-o", "cache_sise=1"], "did you mean cache-size?"), (["a", "b", "--ttl"], "--ttl needs a value"),
    (["a", "b", "-o", "ttl"], "-o ttl needs a value"), (["a", "b", "--offline=yes"], "takes no value"),
    (["a", "b", "--stale-if-error", "perhaps"], "yes or no"), (["a", "b", "--prefetch", "some"], "off or N"),
    (["a", "b", "--qqqqqqqqqqqqqqqqqqq"], "see zarrfs help mount"), (["a", "b", "-x"], "unknown option '-x'"),
  ])
  func refuses(words: [String], because text: String) {
    do throws(UsageError) {
      _ = try CommandTables.mount.parse(words)
      Issue.record("\(words) was taken")
    } catch { #expect(error.description.contains(text), "\(error)") }
  }

  @Test func helpGoesBeforeEverything() throws {
    #expect(try parse("--help").wantsHelp)
    #expect(try parse("a", "b", "-h").wantsHelp)
  }

  @Test func helpNamesEveryOption() {
    for table in CommandTables.all {
      for option in table.options { #expect(table.help.contains(option.synopsis)) }
      #expect(CommandTables.overview.contains("zarrfs \(table.command)"))
    }
  }

  @Test func suggestsTheNearest() {
    #expect(Suggestion.distance("mount", "mount") == 0)
    #expect(Suggestion.distance("mont", "mount") == 1)
    #expect(Suggestion.distance("muont", "mount") == 1)
    #expect(Suggestion.distance("", "abc") == 3)
    #expect(Suggestion.nearest(to: "unmont", in: ["mount", "unmount"]) == "unmount")
    #expect(Suggestion.nearest(to: "xyz", in: ["mount", "unmount"]) == nil)
  }
}
