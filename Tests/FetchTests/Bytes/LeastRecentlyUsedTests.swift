import Fetch
import TestSupport
import Testing

@Suite struct LeastRecentlyUsedTests {
  @Test func `The one unused for longest goes`() {
    var cache = LeastRecentlyUsed<Int, String>(capacity: 2)
    cache.insert("one", for: 1)
    cache.insert("two", for: 2)
    #expect(cache.use(1) == "one")
    #expect(cache.insert("three", for: 3) == "two")
    #expect(cache.use(2) == nil)
    #expect(cache.insert("drei", for: 3) == "three")
    #expect(cache.removeAll().sorted() == ["drei", "one"])
    #expect(cache.isEmpty)
  }

  @Test func `Agrees with a list`() {
    var random = SeededGenerator(seed: 2)
    var cache = LeastRecentlyUsed<Int, Int>(capacity: 5)
    var model: [(key: Int, value: Int)] = []
    for step in 0..<5000 {
      let key = Int.random(in: 0..<9, using: &random)
      let index = model.firstIndex { $0.key == key }
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        let value = cache.use(key)
        #expect(value == index.map { model[$0].value })
        if let index { model.append(model.remove(at: index)) }
      case 1:
        let changed = cache.update(key) { value -> Int in
          value += 1
          return value
        }
        if let index {
          model[index].value += 1
          #expect(changed == model[index].value)
          model.append(model.remove(at: index))
        } else {
          #expect(changed == nil)
        }
      case 2:
        let removed = cache.remove(key)
        #expect(removed == index.map { model.remove(at: $0).value })
      default:
        let dropped = cache.insert(step, for: key)
        if let index {
          #expect(dropped == model.remove(at: index).value)
        } else if model.count == 5 {
          #expect(dropped == model.removeFirst().value)
        } else {
          #expect(dropped == nil)
        }
        model.append((key, step))
      }
      #expect(cache.count == model.count)
    }
  }
}
