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
  private final List<String> fields = new ArrayList<>();
  private final List<FieldType> types = new ArrayList<>();

  /**
   * in: the folder, the note of each commit, whether the index is there already, whether it will
   * be made anew, and for each field its name, its chain, and whether words are counted alone.
   */
  Writer(In in) throws IOException {
    directory = FSDirectory.open(new File(in.text()).toPath());
    String note = in.text();
    boolean there = in.number() == 1, anew = in.number() == 1;
    Map<String, Analyzer> chains = new HashMap<>();
    while (in.more()) {
      String name = in.text();
      chains.put(name, Chains.of(in.text()));
      fields.add(name);
      types.add(in.number() == 1 ? COUNTED : TextField.TYPE_NOT_STORED);
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
      for (int i = 0; i < fields.size(); i++) document.add(new Field(fields.get(i), in.text(), types.get(i)));
      documents.add(document);
    }
    writer.deleteDocuments(ids.toArray(new Term[0]));
    writer.addDocuments(documents);
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
