// swift-tools-version: 6.2
import PackageDescription

// Each layer is a target; imports go one way, bottom to top of this list. ArchitectureTests/LayeringTests holds the
// same table against what the sources really import, because SwiftPM does not see transitive imports.

let settings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func shim(_ name: String, links libraries: [String] = []) -> Target {
  .target(name: name, linkerSettings: libraries.map { .linkedLibrary($0) })
}

func layer(_ name: String, on dependencies: [String]) -> Target {
  .target(name: name, dependencies: dependencies.map { .target(name: $0) }, swiftSettings: settings)
}

func tests(_ name: String, of dependencies: [String]) -> Target {
  .testTarget(
    name: name,
    dependencies: (dependencies + ["TestSupport"]).map { .target(name: $0) },
    swiftSettings: settings)
}

let package = Package(
  name: "zarrfs",
  products: [.executable(name: "zarrfs", targets: ["zarrfs"])],
  targets: [
    shim("CLinux"),
    shim("CCrypto", links: ["crypto"]),
    shim("CCurl", links: ["curl"]),
    shim("CExpat", links: ["expat"]),
    shim("CFUSE", links: ["fuse3"]),
    shim("CSQLite", links: ["sqlite3"]),
    shim("CZlib", links: ["z"]),

    layer("Platform", on: ["CLinux"]),
    layer("Objects", on: []),
    layer("Zarr", on: ["Objects"]),
    layer("ObjectStorage", on: ["CCurl", "CExpat", "Objects", "Platform"]),
    layer("Cache", on: ["CCrypto", "CLinux", "CSQLite", "CZlib", "Objects", "Platform"]),
    layer("Fetch", on: ["Cache", "ObjectStorage", "Objects", "Platform", "Zarr"]),
    layer("FileSystem", on: ["Fetch", "Objects", "Platform", "Zarr"]),
    layer("FUSE", on: ["CFUSE", "FileSystem", "Objects", "Platform"]),
    layer("Commands", on: ["Cache", "FUSE", "Fetch", "FileSystem", "ObjectStorage", "Objects", "Platform", "Zarr"]),
    .executableTarget(name: "zarrfs", dependencies: ["Commands"], swiftSettings: settings),

    .target(
      name: "TestSupport",
      dependencies: ["Cache", "Fetch", "FileSystem", "ObjectStorage", "Objects", "Platform", "Zarr"],
      path: "Tests/TestSupport",
      swiftSettings: settings),
    tests("PlatformTests", of: ["Platform", "CLinux"]),
    tests("ObjectsTests", of: ["Objects"]),
    tests("ZarrTests", of: ["Zarr", "Objects"]),
    tests("ObjectStorageTests", of: ["ObjectStorage", "CCurl", "Objects", "Platform"]),
    tests("CacheTests", of: ["Cache", "CSQLite", "Objects", "Platform"]),
    tests("FetchTests", of: ["Fetch", "Cache", "ObjectStorage", "Objects", "Platform", "Zarr"]),
    tests("FileSystemTests", of: ["FileSystem", "Fetch", "Cache", "ObjectStorage", "Objects", "Platform", "Zarr"]),
    tests("FUSETests", of: ["FUSE", "CFUSE", "FileSystem", "Objects", "Platform"]),
    tests("CommandsTests", of: ["Commands", "Zarr", "Cache", "FileSystem", "ObjectStorage", "Objects", "Platform"]),
    tests("ArchitectureTests", of: []),
  ],
  swiftLanguageModes: [.v6]
)
