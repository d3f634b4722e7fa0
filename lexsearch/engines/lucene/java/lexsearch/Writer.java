package lexsearch;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.miscellaneous.PerFieldAnalyzerWrapper;
import org.apache.lucene.document.BinaryDocValuesField;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.Term;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.FSDirectory;
import org.apache.lucene.util.BytesRef;

/** The only writer of an index in a folder. Threads may add side by side. */
final class Writer {
  private static final double BUFFER = 128; // MiB
  private static final FieldType COUNTED = new FieldType();

  static {
    COUNTED.setIndexOptions(IndexOptions.DOCS_AND_FREQS);
    COUNTED.setOmitNorms(true); // a picture with more to see is no worse a picture
    COUNTED.freeze();
  }

  private final Directory directory;
  private final IndexWriter writer;
  private static final int EARLY = 2; // of the ways to count words

  private final List<String> fields = new ArrayList<>(), chained = new ArrayList<>();
  private final List<Integer> counted = new ArrayList<>();

  /**
   * in: the folder, the note of each commit, whether the index is there already, whether it will
   * be made anew, and for each field its name, its chain, and how words are counted: 0 for one by
   * one, with their places.
   */
  Writer(In in) throws IOException {
    directory = FSDirectory.open(new File(in.text()).toPath());
    String note = in.text();
    boolean there = in.number() == 1, anew = in.number() == 1;
    Map<String, Analyzer> chains = new HashMap<>();
    while (in.more()) {
      String name = in.text();
      String chain = in.text();
      chains.put(name, Chains.of(chain));
      fields.add(name);
      chained.add(chain);
      counted.add(in.number());
    }
    IndexWriterConfig config = new IndexWriterConfig(new PerFieldAnalyzerWrapper(Chains.of("plain"), chains));
    config.setRAMBufferSizeMB(BUFFER);
    if (anew) config.setOpenMode(IndexWriterConfig.OpenMode.CREATE);
    else if (there) Index.check(directory, note); // before this version's mark is put on it
    writer = new IndexWriter(directory, config);
    writer.setLiveCommitData(Map.of(Index.MADE, note).entrySet());
    if (!there) writer.commit(); // a new index can be searched at once
  }

  /** Add or replace documents: of each its id, stored contents, passages, and text of each field. */
  void add(In in) throws IOException {
    List<Document> documents = new ArrayList<>();
    List<Term> ids = new ArrayList<>();
    while (in.more()) {
      String id = in.text();
      ids.add(new Term(State.ID, id));
      Document document = new Document();
      document.add(new StringField(State.ID, id, Field.Store.YES));
      document.add(new BinaryDocValuesField(State.ID, new BytesRef(id)));
      document.add(new StoredField(State.CONTENTS, in.text()));
      document.add(new StoredField(State.PASSAGES, in.text()));
      addFields(document, in);
      documents.add(document);
    }
    writer.deleteDocuments(ids.toArray(new Term[0]));
    writer.addDocuments(documents);
  }

  private void addFields(Document document, In in) throws IOException {
    String before = null;
    Counts counts = null;
    for (int i = 0; i < fields.size(); i++) {
      String name = fields.get(i), text = in.text();
      if (counted.get(i) == 0) {
        document.add(new Field(name, text, TextField.TYPE_NOT_STORED));
        continue;
      }
      if (!text.equals(before)) counts = new Counts(before = text); // of both fields, mostly
      String chain = chained.get(i);
      document.add(new Field(name, counted.get(i) == EARLY ? counts.early(chain) : counts.said(chain), COUNTED));
    }
  }

  void delete(In in) throws IOException {
    List<Term> ids = new ArrayList<>();
    while (in.more()) ids.add(new Term(State.ID, in.text()));
    writer.deleteDocuments(ids.toArray(new Term[0]));
  }

  /** What readers have open stays until the commit, and after. */
  void deleteAll() throws IOException {
    writer.deleteAll();
  }

  void commit() throws IOException {
    writer.commit();
  }

  void join() throws IOException {
    writer.forceMerge(1);
  }

  /** Drop what was not committed; a join under way gives up. */
  void rollback() throws IOException {
    writer.rollback();
  }

  void close() throws IOException {
    writer.rollback();
    directory.close();
  }
}
