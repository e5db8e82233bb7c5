//! Random requests: mostly what makes sense, on few paths, so that they meet each other.

use super::request::Request;
use crate::differential::Random;

/// Parts of paths; the hidden one hides what is below it.
const PARTS: [&str; 4] = ["a", "b", "_h", "a%20b%2Bc"];

/// Values, none of which looks like an index.
const VALUES: [&str; 7] = ["x", "y", "", "%3C%26%3E%22%5C", "%C3%A4%FF%E2%80%A8", "line%0A%00", "x+y"];

/// Nodes right below the root: all that an episode leaves is below them.
pub const TOPS: [&str; 4] = PARTS;

/// A stream of random requests.
#[derive(Clone, Debug)]
pub struct Generator {
    random: Random,
}

impl Generator {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Generator {
        Generator { random: Random::new(seed) }
    }

    /// The next request, when an episode has had `played` before.
    pub fn next(&mut self, played: usize) -> Request {
        match self.random.below(100) {
            0..=24 => self.get(),
            25..=59 => self.put(played),
            60..=69 => self.post(),
            70..=86 => self.delete(played),
            87..=88 => self.wait(played),
            _ => self.nonsense(),
        }
    }

    fn path(&mut self) -> String {
        let parts = self.random.below(4);
        let path: String = (0..parts).map(|_| format!("/{}", self.random.pick(&PARTS))).collect();
        let end = if self.random.chance(5) { "/" } else { "" };
        format!("/v2/keys{path}{end}")
    }

    fn flag(&mut self, name: &str, percent: usize) -> Option<String> {
        let value =
            if self.random.chance(80) { "true" } else { *self.random.pick(&["false", "1", "T", "0"]) };
        self.random.chance(percent).then(|| format!("{name}={value}"))
    }

    fn index(&mut self, name: &str, played: usize) -> String {
        format!("{name}={{+{}}}", self.random.below(played + 2))
    }

    /// Puts parameters into the query or into the form, as it comes.
    fn request(&mut self, method: &'static str, parameters: Vec<String>) -> Request {
        let mut target = self.path();
        let mut form = Vec::new();
        let mut query = Vec::new();
        for parameter in parameters {
            let in_form = method != "GET" && self.random.chance(60);
            if in_form { form.push(parameter) } else { query.push(parameter) }
        }
        if !query.is_empty() {
            target.push_str(&format!("?{}", query.join("&")));
        }
        Request { method, target, form: form.join("&") }
    }

    fn get(&mut self) -> Request {
        let mut parameters = vec!["sorted=true".to_owned()];
        parameters.extend(self.flag("recursive", 40));
        parameters.extend(self.flag("quorum", 20));
        let method = if self.random.chance(10) { "HEAD" } else { "GET" };
        let request = self.request("GET", parameters);
        Request { method, ..request }
    }

    fn put(&mut self, played: usize) -> Request {
        let mut parameters = Vec::new();
        if self.random.chance(85) {
            parameters.push(format!("value={}", self.random.pick(&VALUES)));
        }
        parameters.extend(self.flag("dir", 15));
        parameters.extend(self.flag("prevExist", 30));
        parameters.extend(self.flag("noValueOnSuccess", 10));
        parameters.extend(self.flag("refresh", 3));
        self.compare(&mut parameters, played);
        self.request("PUT", parameters)
    }

    fn compare(&mut self, parameters: &mut Vec<String>, played: usize) {
        if self.random.chance(20) {
            parameters.push(format!("prevValue={}", self.random.pick(&VALUES)));
        }
        if self.random.chance(12) {
            parameters.push(self.index("prevIndex", played));
        }
    }

    fn post(&mut self) -> Request {
        let mut parameters = vec![format!("value={}", self.random.pick(&VALUES))];
        parameters.extend(self.flag("dir", 15));
        let mut request = self.request("POST", parameters);
        // In the root it would outlive the episode.
        if request.target.trim_start_matches("/v2/keys").starts_with(['?', '/'])
            || request.target == "/v2/keys"
        {
            request.target = request.target.replacen("/v2/keys", "/v2/keys/a", 1);
        }
        request
    }

    fn delete(&mut self, played: usize) -> Request {
        let mut parameters = Vec::new();
        parameters.extend(self.flag("dir", 40));
        parameters.extend(self.flag("recursive", 35));
        self.compare(&mut parameters, played);
        let request = self.request("PUT", parameters);
        Request { method: "DELETE", ..request }
    }

    /// Waits for what has happened already, mostly.
    fn wait(&mut self, played: usize) -> Request {
        let mut parameters =
            vec!["wait=true".to_owned(), format!("waitIndex={{+{}}}", 1 + self.random.below(played / 3 + 2))];
        parameters.extend(self.flag("recursive", 70));
        self.request("GET", parameters)
    }

    fn nonsense(&mut self) -> Request {
        const WRONG: [&str; 22] = [
            "prevIndex=x",
            "prevIndex=",
            "waitIndex=-1",
            "waitIndex=18446744073709551616",
            "recursive=yes",
            "sorted=",
            "dir=2",
            "quorum=no",
            "stream=x",
            "wait=true",
            "wait=x",
            "prevValue=",
            "ttl=x",
            "ttl=-1",
            "ttl=1.5",
            "prevExist=x",
            "refresh=x",
            "refresh=true",
            "refresh=true&value=x&ttl=5",
            "noValueOnSuccess=x",
            "value=%zz",
            "a;b",
        ];
        let wrong = *self.random.pick(&WRONG);
        let method = *self.random.pick(&["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD"]);
        let mut request = self.request("PUT", vec![wrong.to_owned()]);
        if self.random.chance(15) {
            request.target = "/v2/keys//a/./b/../c".to_owned();
        }
        // In-order keys of the root would outlive the episode; a lone slash takes another way through it.
        let method = if method == "POST" { "PUT" } else { method };
        Request { method, ..request }
    }
}
